"""The server's page in a real browser: what it says, that requests can be sent from it
and its commands work, and that it needs nobody else.

    PYTHONPATH=tests python tests/browser/page.py [--screenshots FOLDER]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from chromium import Browser
from served import DEADLINE, EXAMPLES, CheckError, Server, ask, expect

# A name, the size of the window, and the colour scheme.
LOOKS = [
    ("wide-light", (1280, 960), "light"),
    ("wide-dark", (1280, 960), "dark"),
    ("narrow-light", (400, 960), "light"),
    ("narrow-dark", (400, 960), "dark"),
]
# Markup that says so if it is ever taken for markup.
HOSTILE = "<img src=x onerror=\"document.title='taken'\">"
ECHO = """class Model:
    def predict(self, rows):
        return rows
"""
FORMATS = "[...document.querySelectorAll('fieldset label')]"


def text(browser: Browser, selector: str) -> str:
    """The text of the first such element, its spaces made single."""
    shown = f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"
    return " ".join(browser.value(shown).split())


def says(shown: str, *parts: str) -> None:
    for part in parts:
        expect(part in shown, f"'{part}' is missing in '{shown}'")


def open_model(browser: Browser, address: str, model: str) -> None:
    browser.open(f"http://{address}/docs#{quote(model, safe='')}")
    shown = f"document.querySelector('h1')?.textContent === {json.dumps(model)}"
    browser.wait_for(shown)


def choose(browser: Browser, form: str) -> None:
    browser.value(f"{FORMATS}.find((label) => label.innerText === '{form}').click()")


def type_in(browser: Browser, selector: str, value: str) -> None:
    """Replaces what stands in a field, as a person who selects it and types."""
    element = f"document.querySelector({json.dumps(selector)})"
    browser.value(f"{element}.focus(); {element}.select()")
    browser.call("Input.insertText", text=value)


def send(browser: Browser) -> None:
    browser.value("document.querySelector('.answer').replaceChildren()")
    browser.value("document.querySelector('button.send').click()")
    browser.wait_for("document.querySelector('.status')")


def is_shown(browser: Browser, name: str, folder: Path) -> None:
    """Takes a screenshot in every look, in none of which the page is too wide."""
    for look, (width, height), scheme in LOOKS:
        browser.look(width, height, scheme)
        wide = browser.value("document.documentElement.scrollWidth")
        expect(wide <= width, f"{name}-{look} is {wide} pixels wide")
        browser.screenshot(folder / f"{name}-{look}.png")
    browser.look(1280, 960, "light")


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


def asks_nobody_else(browser: Browser, address: str) -> None:
    hosts = {urlsplit(url).netloc for url in browser.requests if "://" in url}
    expect(hosts == {address}, f"the page asks {hosts}")


def startup_report(address: str) -> dict[str, Any]:
    models = ask(address, "GET", "/v2/startup").json()["models"]
    return {model["name"]: model for model in models}


def the_browser_is_heard() -> None:
    """Without this, a browser that tells in another way would find every page good."""
    with Browser() as browser:
        browser.open("data:text/html,<script>console.error('heard')</script>")
        browser.wait_for("document.readyState === 'complete'")
        heard = any("heard" in complaint for complaint in browser.complaints)
        expect(heard, "chromium tells no console errors")
        expect(len(browser.requests) > 0, "chromium tells no requests")


def every_model_answers(browser: Browser, address: str) -> None:
    """Every example of every model is sent from the page, and its command runs."""
    report = startup_report(address)
    for folder in sorted(path.parent for path in EXAMPLES.glob("*/samples")):
        open_model(browser, address, folder.name)
        samples = len(list((folder / "samples").glob("*.json")))
        facts = f"{samples} of {samples} samples right"
        says(text(browser, ".facts"), "ready", report[folder.name]["engine"], facts)
        forms = browser.value(f"{FORMATS}.map((label) => label.innerText)")
        expect({"v1 rows", "v2 tensors"} <= set(forms), f"the formats are {forms}")
        for form in forms:
            choose(browser, form)
            send(browser)
            says(text(browser, ".status"), "200")
            expect(text(browser, ".output"), f"{form} of {folder.name} shows no output")
            runs(browser.value("document.querySelector('.curl pre').textContent"))
    expect(len(report) > 3, f"{len(report)} models")
    links = "[...document.querySelectorAll('a')].map((link) => link.href)"
    for link in browser.value(links):
        status = ask(address, "GET", urlsplit(link).path).status
        expect(status == 200, f"{link} on the page answers {status}")


def a_person_tries_a_model(browser: Browser, address: str) -> None:
    open_model(browser, address, "iris")
    says(browser.value("document.querySelector('#body').value"), '"sepal_length": 5.1')
    send(browser)
    says(text(browser, ".answer"), "setosa", "0.98")
    type_in(browser, "input[name=petal_length]", "5.5")
    type_in(browser, "input[name=petal_width]", "2.1")
    says(text(browser, ".curl pre"), '"petal_length": 5.5')
    send(browser)
    says(text(browser, ".most"), "virginica")
    type_in(browser, "input[name=sepal_width]", "wide")
    send(browser)
    says(text(browser, ".error"), 'instances[0].sepal_width: expected FP32, got "wide"')
    marked = "document.querySelector('.fields [aria-invalid]').name"
    expect(browser.value(marked) == "sepal_width", "the field is not marked")
    type_in(browser, "#body", '{\n  "instances": [[5.1, 3.5 1.4, 0.2]]\n}')
    send(browser)
    says(text(browser, ".error"), "not valid JSON", "line 2 column 27")
    place = "document.activeElement.selectionStart"
    selected = f"document.querySelector('#body').value.slice({place}, {place} + 3)"
    expect(browser.value(selected) == "1.4", "the mistake is not selected")
    browser.value("document.querySelector('nav a[href=\"#digits\"]').click()")
    browser.wait_for("document.querySelector('h1').textContent === 'digits'")
    send(browser)
    says(text(browser, ".most"), "7")


def all_is_well(screenshots: Path) -> None:
    with Server(EXAMPLES, "--port", "0") as server, Browser() as browser:
        address = server.address()
        server.wait_for_line("ready after")
        every_model_answers(browser, address)
        expect(not browser.complaints, f"the console says {browser.complaints}")
        open_model(browser, address, "iris")
        send(browser)
        is_shown(browser, "ready", screenshots)
        a_person_tries_a_model(browser, address)
        # The browser logs each answer that is an error, and there were two.
        errors = [entry for entry in browser.complaints if "status of 400" in entry]
        expect(len(errors) == len(browser.complaints) == 2, f"{browser.complaints}")
        asks_nobody_else(browser, address)
        server.stop()
    print("  every example of every model is answered, in the page and in a shell")


def one_model_failed(screenshots: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        models = Path(temporary)
        shutil.copytree(EXAMPLES / "iris", models / "good")
        (models / "broken").mkdir()
        (models / "broken" / "model.onnx").write_bytes(b"this is no model")
        arguments = (models, "--port", "0", "--keep-going")
        with Server(*arguments) as server, Browser() as browser:
            address = server.address()
            server.wait_for_line("ready after")
            open_model(browser, address, "broken")
            says(text(browser, "#readiness"), "ready", "without broken")
            reason = startup_report(address)["broken"]["reason"]
            expect(reason, "the startup report gives no reason")
            says(text(browser, ".reason"), " ".join(reason.split()))
            is_shown(browser, "failed", screenshots)
            open_model(browser, address, "good")
            send(browser)
            says(text(browser, ".status"), "200")
            expect(not browser.complaints, f"the console says {browser.complaints}")
            server.stop()
    print("  with --keep-going, the page says which model failed, and why")


def memory_is_shown(screenshots: Path) -> None:
    """What the workers of a model take, and why each has a copy, where it has."""
    with tempfile.TemporaryDirectory() as temporary:
        for name, preload in (("shared", "true"), ("copied", "false")):
            folder = Path(temporary) / name
            folder.mkdir()
            (folder / "model.py").write_text(ECHO)
            (folder / "model.toml").write_text(f"workers = 2\npreload = {preload}\n")
        with Server(temporary, "--port", "0") as server, Browser() as browser:
            address = server.address()
            server.wait_for_line("ready after")
            for name, copies in (("shared", "1 copy of"), ("copied", "2 copies of")):
                open_model(browser, address, name)
                browser.value("document.querySelector('.memory').open = true")
                says(text(browser, ".facts"), copies)
                parts = ("2 workers share", "private PSS", "no worker was lost")
                says(text(browser, ".memory"), *parts)
                is_shown(browser, f"memory-{name}", screenshots)
            says(text(browser, ".memory"), "preload = false in model.toml")
            expect(not browser.complaints, f"the console says {browser.complaints}")
            server.stop()
    print("  what the workers of a model take is shown")


def names_are_never_markup() -> None:
    """The names of models, columns and classes come from files of users."""
    name = HOSTILE.replace("/", "")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / name
        shutil.copytree(EXAMPLES / "iris", folder)
        settings = (folder / "model.toml").read_text()
        for named in ("sepal_length", "setosa"):
            settings = settings.replace(f'"{named}"', json.dumps(f"{named} {HOSTILE}"))
        (folder / "model.toml").write_text(settings)
        (folder / "samples" / "named_columns.json").unlink()
        with Server(temporary, "--port", "0") as server, Browser() as browser:
            address = server.address()
            server.wait_for_line("ready after")
            open_model(browser, address, name)
            send(browser)
            says(text(browser, ".answer"), "200", f"setosa {HOSTILE}")
            says(text(browser, ".fields"), f"sepal_length {HOSTILE}")
            expect(browser.value("document.images.length") == 0, "there is an image")
            expect(browser.value("document.title") != "taken", "a name was markup")
            runs(browser.value("document.querySelector('.curl pre').textContent"))
            expect(not browser.complaints, f"the console says {browser.complaints}")
            asks_nobody_else(browser, address)
            server.stop()
    print("  names are text, whatever they look like")


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
            the_browser_is_heard()
            all_is_well(kept or Path(temporary))
            one_model_failed(kept or Path(temporary))
            memory_is_shown(kept or Path(temporary))
            names_are_never_markup()
    except (CheckError, subprocess.TimeoutExpired) as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print("ok: the page is right in a real browser")
    return 0


if __name__ == "__main__":
    sys.exit(main())
