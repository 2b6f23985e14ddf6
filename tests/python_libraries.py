"""Serves models of libraries that have pools of threads, with workers that are killed.

    python tests/python_libraries.py

The interpreter that runs this trains each model, and the server uses it too. Every
answer must be the one that the library gave here, to the last bit: with one thread a
run and with two, of an estimator in a file and of one that code loads and uses before
the fork. Nothing may hang: a run of more than TIMEOUT seconds fails.
"""

import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy
from lightgbm import LGBMClassifier
from served import DEADLINE, CheckError, Server, ask, expect
from sklearn.ensemble import HistGradientBoostingClassifier
from xgboost import XGBClassifier

TIMEOUT = 30
WORKERS = 2
COLUMNS = 10
CODE = f"""
import joblib
import numpy


class Model:
    inputs = {{"x": ("FP64", (-1, {COLUMNS}))}}
    outputs = {{"probabilities": ("FP64", (-1, 2))}}

    def load(self):
        self.model = joblib.load("trained")
        # Whatever the library does at its first use, it does before the fork.
        self.model.predict_proba(numpy.zeros((2000, {COLUMNS})))

    def predict(self, inputs):
        return self.model.predict_proba(inputs["x"])
"""
LIBRARIES = {
    "scikit-learn": HistGradientBoostingClassifier(max_iter=10),
    "xgboost": XGBClassifier(n_estimators=10),
    "lightgbm": LGBMClassifier(n_estimators=10, verbose=-1),
}


class Served:
    """A model that is asked for what its library has answered already."""

    def __init__(self, name: str, rows: Any, right: Any) -> None:
        self.name = name
        self._right = right.ravel()
        values = {"shape": rows.shape, "data": rows.ravel().tolist()}
        self._request = {
            "inputs": [{"name": "x", "datatype": "FP64", **values}],
            "outputs": [{"name": "probabilities"}],
        }

    def check(self, address: str) -> None:
        """Asks as often as there are workers, and once more."""
        for _ in range(WORKERS + 1):
            path = f"/v2/models/{self.name}/infer"
            answer = ask(address, "POST", path, self._request)
            expect(answer.status == 200, f"{self.name}: {answer.status} {answer.text}")
            (output,) = answer.json()["outputs"]
            same = numpy.array_equal(output["data"], self._right)
            expect(same, f"{self.name} answers as its library does not")

    def workers(self, address: str) -> set[int]:
        """Its processes, which share one load."""
        models = ask(address, "GET", "/v2/startup").json()["models"]
        (memory,) = (one["memory"] for one in models if one["name"] == self.name)
        shared = memory["sharing"] == "copy_on_write"
        expect(shared, f"{self.name} does not survive a fork: {memory}")
        return {worker["pid"] for worker in memory["workers"]}

    def replace_workers(self, address: str) -> None:
        """Kills all its workers between two requests; others must answer."""
        before = self.workers(address)
        expect(len(before) == WORKERS, f"{self.name} has the workers {before}")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + DEADLINE
        # The server looks for them once a second.
        while before & self.workers(address):
            self.check(address)
            expect(time.monotonic() < end, f"{self.name} has no others than {before}")


def write_models(folder: Path) -> Iterator[Served]:
    """Each library in a file and with code, with one thread a run and with two."""
    random = numpy.random.default_rng(0)
    x, rows = random.random((2000, COLUMNS)), random.random((500, COLUMNS))
    for library, estimator in LIBRARIES.items():
        estimator.fit(x, x[:, 0] > x[:, 1])
        for form, threads in [("file", 1), ("code", 2)]:
            model = folder / f"{library}-{form}"
            model.mkdir()
            keys = f"workers = {WORKERS}\nthreads = {threads}\ntimeout = {TIMEOUT}\n"
            (model / "model.toml").write_text(keys)
            if form == "file":
                joblib.dump(estimator, model / "model.joblib")
            else:
                joblib.dump(estimator, model / "trained")
                (model / "model.py").write_text(CODE)
            yield Served(model.name, rows, estimator.predict_proba(rows))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        models = list(write_models(Path(folder)))
        # Runs of two threads are held to the processors, of which CI has few.
        options = ["--allow-pickle", "--python", sys.executable, "--cores", "4"]
        with Server(folder, *options, "--port", "0") as server:
            address = server.address()
            server.wait_for_line("ready after")
            for model in models:
                model.check(address)
                model.replace_workers(address)
                model.check(address)
            server.stop()
    print(f"ok: {len(models)} models of {', '.join(LIBRARIES)} survive fork and kill")


if __name__ == "__main__":
    try:
        main()
    except CheckError as error:
        sys.exit(f"error: {error}")
