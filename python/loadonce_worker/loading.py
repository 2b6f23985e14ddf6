"""Loads a model, once, and says what came of it."""

from __future__ import annotations

import gc
import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import discover, messages, process, threads
from .discover import Found, Start
from .frames import LARGEST_TEXT

# A worker that loads for itself says a little more in the same frame.
_LARGEST_REPORT = LARGEST_TEXT - 1024
# Libraries whose versions are told, by the module that is looked for.
_LIBRARIES = {
    "catboost": "catboost",
    "jax": "jax",
    "joblib": "joblib",
    "lightgbm": "lightgbm",
    "numpy": "numpy",
    "onnxruntime": "onnxruntime",
    "pandas": "pandas",
    "pydantic": "pydantic",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "tensorflow": "tensorflow",
    "torch": "torch",
    "transformers": "transformers",
    "xgboost": "xgboost",
}

_log = logging.getLogger("loadonce")


@dataclass(frozen=True)
class Loaded:
    """A model that is loaded, and what the server is told of it."""

    found: Found
    report: Mapping[str, Any]


def load(start: Start, budget: int) -> Loaded:
    """Finds the model and calls its load(), with a budget of threads for each pool.

    Raises whatever goes wrong there.
    """
    began = time.perf_counter()
    found = discover.find(start)
    # What the file imported has made its thread pools by now.
    threads.limit_pools(budget)
    call(found.model, "load")
    threads.limit_pools(budget)
    milliseconds = (time.perf_counter() - began) * 1000
    return Loaded(found, _report(found, milliseconds))


def freeze() -> None:
    """Keeps the collector's hands off what is loaded, so that its pages stay shared."""
    gc.collect()
    gc.freeze()


def call(model: Any, method: str) -> None:
    """Calls an optional method of the model."""
    function = getattr(model, method, None)
    if function is not None:
        function()


def _report(found: Found, milliseconds: float) -> Mapping[str, Any]:
    report = {
        "type": "loaded",
        "form": found.form,
        "inputs": [spec.to_json() for spec in found.inputs],
        "outputs": [spec.to_json() for spec in found.outputs],
        "threads": process.count_threads(),
        "load_ms": milliseconds,
        "versions": _versions(),
        "model": found.description,
    }
    return _fitting(found, report)


def _fitting(found: Found, report: dict[str, Any]) -> Mapping[str, Any]:
    """Leaves out what a signature can do without, where there is too much of it."""
    shorter = {"schema": None, "columns": None, "labels": None}
    if len(messages.encode(report)) > _LARGEST_REPORT:
        _log.warning("columns, labels and schemas are too long to be told")
        for name in ("inputs", "outputs"):
            specs = [replace(spec, **shorter) for spec in getattr(found, name)]
            report[name] = [spec.to_json() for spec in specs]
    return report


def _versions() -> dict[str, str]:
    versions = {}
    for module, library in _LIBRARIES.items():
        version = getattr(sys.modules.get(module), "__version__", None)
        if isinstance(version, str):
            versions[library] = version
    return versions
