"""What a new user does, and what the program promises to one.

A client asks before the server is there, while it loads, and when it is ready: it is
alive from the first connection on, and neither ready nor answering predictions before
every model is. Then every sample of every example, in every form, is answered rightly.

    python tests/newuser.py
"""

import json
import random
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from samples import Model, prediction_path, samples
from served import DEADLINE, EXAMPLES, CheckError, Server, ask, expect

# How often each sample stands in the models that take a while to load.
REPETITIONS = 400
# How long the client goes on once the server is ready.
ROUNDS_WHEN_READY = 20


class Prober(threading.Thread):
    """Asks again and again, and remembers what it saw."""

    def __init__(self, address: str, predictions: list[tuple[str, Any]]) -> None:
        super().__init__(daemon=True)
        self.address = address
        self.predictions = predictions
        self.seen: Counter[str] = Counter()
        self.problem: BaseException | None = None
        self.halted = threading.Event()
        self.asked_before_server = threading.Event()

    def run(self) -> None:
        try:
            while not self.halted.is_set() and self.seen["ready"] < ROUNDS_WHEN_READY:
                self.round()
        except BaseException as error:
            self.problem = error

    def round(self) -> None:
        """A look at everything. The report comes last: it may only be later."""
        try:
            live = ask(self.address, "GET", "/v2/health/live")
        except ConnectionRefusedError:
            if self.seen["connected"]:
                raise CheckError(
                    "a connection was refused after one was taken"
                ) from None
            self.seen["refused"] += 1
            self.asked_before_server.set()
            return
        self.seen["connected"] += 1
        expect(live.status == 200, f"live answered {live.status}: {live.text}")

        ready = ask(self.address, "GET", "/v2/health/ready")
        path, body = self.predictions[self.seen["connected"] % len(self.predictions)]
        prediction = ask(self.address, "POST", path, body)
        report = ask(self.address, "GET", "/v2/startup").json()
        states = {model["name"]: model["state"] for model in report["models"]}
        waiting = [name for name, state in states.items() if state != "ready"]

        if ready.status == 200 or prediction.status == 200:
            claims = f"ready {ready.status}, {path} {prediction.status}"
            expect(states and not waiting, f"{claims} before all were ready: {states}")
        for answer, what in ((ready, "ready"), (prediction, path)):
            expect(
                answer.status in {200, 503}, f"{what}: {answer.status} {answer.text}"
            )
        if ready.status == 503:
            expect(ready.json()["ready"] is False, f"ready says {ready.text}")
        if prediction.status == 503:
            expect("retry-after" in prediction.headers, "a 503 lacks Retry-After")
        if ready.status == prediction.status == 200:
            self.seen["ready"] += 1
        if ready.status == 503:
            self.seen["not ready"] += 1

    def finish(self) -> None:
        """Waits until the server was ready for a while."""
        self.join(DEADLINE)
        self.halted.set()
        if self.problem:
            raise self.problem
        expect(not self.is_alive(), f"not ready in {DEADLINE:.0f} s: {self.seen}")


def free_port() -> int:
    """A port that nobody listens on.

    It is none of those that the kernel hands out to clients: a client that asks such a
    port again and again is in the end given the same one, and connects to itself.
    """
    for port in random.sample(range(10_000, 30_000), 1000):
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise CheckError("no port is free")


def predictions(models: Path) -> list[tuple[str, Any]]:
    """The path and body of every sample as it stands in its file."""
    found = []
    for file in sorted(models.glob("*/samples/*.json")):
        request = json.loads(file.read_text())["request"]
        found.append((prediction_path(file.parents[1].name, request), request))
    return found


def probe(server: Server, prober: Prober) -> None:
    """Lets the client ask until the server was ready for a while."""
    server.wait_for_line("ready after")
    try:
        prober.finish()
    except Exception as error:
        raise server.failure(f"broke a promise: {error}") from error
    counts = ", ".join(f"{count} times {what}" for what, count in prober.seen.items())
    print(f"  asked from before the start on: {counts}")


def start(models: Path) -> tuple[Server, Prober]:
    """A server on those models, and a client that has asked before it came."""
    port = free_port()
    prober = Prober(f"127.0.0.1:{port}", predictions(EXAMPLES))
    prober.start()
    expect(prober.asked_before_server.wait(DEADLINE), "the client did not start")
    return Server(models, "--port", str(port)), prober


def answers_every_sample(address: str) -> None:
    """Sends every sample in every form, and tells all that were answered wrongly."""
    asked, wrong = 0, []
    for folder in sorted(path.parent for path in EXAMPLES.glob("*/samples")):
        metadata = ask(address, "GET", f"/v2/models/{folder.name}").json()
        model = Model.of(folder, metadata)
        for sample in samples(folder, model):
            for form, path, body in model.requests(sample.rows):
                answer = ask(address, "POST", path, body)
                asked += 1
                if answer.status != 200:
                    problem: str | None = f"{answer.status} {answer.text}"
                else:
                    problem = sample.wrong(model.outputs(answer.json()))
                if problem:
                    wrong.append(f"{sample.file} as {form}: {problem}")
    files = len(list(EXAMPLES.glob("*/samples/*.json")))
    expect(asked == 3 * files > 0, f"asked {asked} times, expected 3 for {files} files")
    expect(not wrong, "wrong answers:\n" + "\n".join(wrong))
    print(f"  {asked} requests from {files} samples answered rightly")


def slow_models(folder: Path) -> None:
    """The examples with many more samples, so that loading takes a while."""
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    for file in list(folder.glob("*/samples/*.json")):
        for repetition in range(REPETITIONS):
            shutil.copyfile(file, file.with_stem(f"{file.stem}_{repetition}"))


def the_examples() -> None:
    print("a new user serves the examples")
    server, prober = start(EXAMPLES)
    with server:
        probe(server, prober)
        answers_every_sample(prober.address)
        server.stop()


def models_that_take_a_while() -> None:
    print("a new user serves models that take a while to load")
    with tempfile.TemporaryDirectory() as folder:
        slow_models(Path(folder))
        server, prober = start(Path(folder))
        with server:
            probe(server, prober)
            server.stop()
        expect(prober.seen["not ready"], "the client never saw the server load")


def main() -> int:
    began = time.monotonic()
    try:
        the_examples()
        models_that_take_a_while()
    except CheckError as error:
        print(f"FAILED: {error}", file=sys.stderr)
        return 1
    print(f"ok: 2 startups probed in {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
