"""The server's page in a real browser: what it says, that its commands work, and that
it needs nobody else.

    PYTHONPATH=tests python tests/browser/page.py [--screenshots FOLDER]
"""

import argparse
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from served import DEADLINE, EXAMPLES, CheckError, Server, ask

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # No other host has an address, as on a machine without the internet.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
DARK = "--blink-settings=preferredColorScheme=0"
# A name, the size of the window, and further flags.
LOOKS = [
    ("wide-light", (1200, 900), []),
    ("wide-dark", (1200, 900), [DARK]),
    ("narrow-light", (420, 900), []),
    ("narrow-dark", (420, 900), [DARK]),
]
# Attributes that make a browser ask for something, at once or at a click.
REFERENCES = {"action", "background", "data", "formaction", "href", "poster", "src"}


class Page(HTMLParser):
    """The parts of a page that the checks look at."""

    def __init__(self, dom: str) -> None:
        super().__init__()
        self.title = ""
        self.header = ""
        self.sections: list[str] = []
        self.commands: list[str] = []
        self.references: list[str] = []
        self.styles = ""
        self.scripts = 0
        self._open: list[str] = []
        self.feed(dom)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"br", "hr", "img", "input", "link", "meta"}:
            self._open.append(tag)
        if tag == "section":
            self.sections.append("")
        elif tag == "pre":
            self.commands.append("")
        elif tag == "script":
            self.scripts += 1
        for name, value in attrs:
            if name in REFERENCES:
                self.references.append(value or "")
            elif name in {"style", "srcset"}:
                self.styles += value or ""

    def handle_endtag(self, tag: str) -> None:
        while tag in self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            self.styles += data
        elif "title" in self._open:
            self.title += data
        elif "header" in self._open:
            self.header += data
        elif "section" in self._open:
            # The parts of a line stand in elements of their own.
            self.sections[-1] += data + " "
        if "pre" in self._open:
            self.commands[-1] += data


def expect(condition: object, otherwise: str) -> None:
    if not condition:
        raise CheckError(otherwise)


def chromium(url: str, *flags: str) -> tuple[str, list[str]]:
    """What it writes, and the messages on the page's console."""
    with tempfile.TemporaryDirectory() as profile:
        command = ["chromium", *FLAGS, f"--user-data-dir={profile}", *flags]
        done = subprocess.run(
            [*command, "--enable-logging=stderr", url],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
    expect(done.returncode == 0, f"chromium failed:\n{done.stderr}")
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return done.stdout, console


def the_console_is_heard() -> None:
    """Without this, a browser that logs in another way would find every page good."""
    page = "data:text/html,<script>console.error('heard')</script>"
    _, console = chromium(page, "--dump-dom")
    expect(any("heard" in line for line in console), "chromium logs no console errors")


def read_page(address: str) -> Page:
    """The page as the browser shows it, which needs nobody else and has no error."""
    dom, console = chromium(f"http://{address}/", "--dump-dom")
    expect(not console, "the console says:\n" + "\n".join(console))
    page = Page(dom)
    expect("loadonce" in page.title, f"the title is '{page.title}'")
    for reference in page.references:
        parts = urlsplit(reference)
        expect(not parts.scheme and not parts.netloc, f"the page refers to {reference}")
    outside = re.findall(r"@import|url\([^)]*//[^)]*\)|https?:", page.styles)
    expect(not outside, f"the styles refer to {outside}")
    return page


def section(page: Page, model: str) -> str:
    """The text about one model, its spaces made single."""
    texts = [" ".join(text.split()) for text in page.sections]
    found = [text for text in texts if text.split(" ")[0] == model]
    expect(len(found) == 1, f"{len(found)} sections about {model} in {texts}")
    return found[0]


def says(text: str, *parts: str) -> None:
    for part in parts:
        expect(part in text, f"'{part}' is missing in '{text}'")


def startup_report(address: str) -> dict[str, Any]:
    models = ask(address, "GET", "/v2/startup").json()["models"]
    return {model["name"]: model for model in models}


def runs(command: str) -> None:
    """Runs a command of the page in a shell, as if it had been pasted there."""
    with tempfile.NamedTemporaryFile() as body:
        done = subprocess.run(
            ["sh", "-c", f"{command} -sS -o {body.name} -w '%{{http_code}}'"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        answer = Path(body.name).read_text()
    expect(
        done.returncode == 0 and done.stdout == "200",
        f"{command}\nanswered {done.stdout} {done.stderr}\n{answer}",
    )


def is_shown(address: str, name: str, folder: Path) -> None:
    """Takes a screenshot in every look."""
    for look, (width, height), flags in LOOKS:
        path = folder / f"{name}-{look}.png"
        size = f"--window-size={width},{height}"
        chromium(f"http://{address}/", *flags, size, f"--screenshot={path}")
        content = path.read_bytes()
        shown = struct.unpack(">II", content[16:24])
        expect(shown == (width, height), f"{path} has the size {shown}")


def all_is_well(screenshots: Path) -> None:
    folders = sorted(path.parent for path in EXAMPLES.glob("*/samples"))
    with Server(EXAMPLES, "--port", "0") as server:
        address = server.address()
        server.wait_for_line("ready after")
        page = read_page(address)
        says(page.header, "ready")
        report = startup_report(address)
        expect(len(page.sections) == len(folders) > 0, f"{len(page.sections)} sections")
        for folder in folders:
            samples = len(list((folder / "samples").glob("*.json")))
            text = section(page, folder.name)
            says(text, "ready", report[folder.name]["engine"])
            says(text, f"{samples} of {samples} samples right")
            commands = [text for text in page.commands if f"/{folder.name}" in text]
            expect(len(commands) == 1, f"{len(commands)} commands for {folder.name}")
            expect(commands[0].startswith("curl "), commands[0])
            runs(commands[0])
        for reference in page.references:
            status = ask(address, "GET", reference).status
            expect(status == 200, f"{reference} on the page answers {status}")
        is_shown(address, "ready", screenshots)
        server.stop()
    print(f"  {len(folders)} models ready, their commands and all links work")


def one_model_failed(screenshots: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        models = Path(temporary)
        shutil.copytree(EXAMPLES / "iris", models / "good")
        (models / "broken").mkdir()
        (models / "broken" / "model.onnx").write_bytes(b"this is no model")
        with Server(models, "--port", "0", "--keep-going") as server:
            address = server.address()
            server.wait_for_line("ready after")
            page = read_page(address)
            says(page.header, "ready", "without broken")
            reason = startup_report(address)["broken"]["reason"]
            expect(reason, "the startup report gives no reason")
            says(section(page, "broken"), "failed", " ".join(reason.split()))
            says(section(page, "good"), "ready", "samples right")
            expect(len(page.commands) == 1, f"{len(page.commands)} commands, not 1")
            runs(page.commands[0])
            is_shown(address, "failed", screenshots)
            server.stop()
    print("  with --keep-going, the page says which model failed, and why")


def main() -> int:
    parser = argparse.ArgumentParser(description="Looks at the server's page.")
    parser.add_argument("--screenshots", type=Path, help="folder to keep them in")
    kept = parser.parse_args().screenshots
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
    # A shell in which the browser or curl would go through a proxy to reach the server.
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        os.environ.pop(variable, None)
    try:
        with tempfile.TemporaryDirectory() as temporary:
            the_console_is_heard()
            all_is_well(kept or Path(temporary))
            one_model_failed(kept or Path(temporary))
    except (CheckError, subprocess.TimeoutExpired) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("ok: the page is right in a real browser")
    return 0


if __name__ == "__main__":
    sys.exit(main())
