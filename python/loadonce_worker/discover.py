"""Finds the model in a user's file, and what it takes and returns."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from . import pickled, rows, signature, typed
from .errors import ConfigurationError
from .exchange import MakeExchange
from .signature import Spec


@dataclass(frozen=True)
class Start:
    """What the server says of the model to load."""

    file: Path
    folder: Path
    allow_version_skew: bool = False
    inputs: list[Spec] = field(default_factory=list)
    outputs: list[Spec] = field(default_factory=list)

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Start:
        """Reads the message `start`."""
        model = message["model"]
        return cls(
            Path(model["file"]),
            Path(model["folder"]),
            bool(message.get("allow_version_skew")),
            signature.parse(message.get("inputs", []), "inputs of model.toml"),
            signature.parse(message.get("outputs", []), "outputs of model.toml"),
        )


@dataclass(frozen=True)
class Found:
    """An object with predict(), not loaded yet, and what stands before it."""

    model: Any
    description: str
    form: str
    inputs: list[Spec]
    outputs: list[Spec]
    exchange: MakeExchange
    # Of the model itself; the pools of libraries have theirs.
    use_threads: Callable[[int], None] = lambda threads: None


def find(start: Start) -> Found:
    """Makes the model of a file, without calling its load()."""
    sys.path.insert(0, str(start.folder))
    if start.file.suffix in pickled.SUFFIXES:
        return _of_estimator(start)
    return _of_code(start)


def _of_estimator(start: Start) -> Found:
    """A pickled estimator, which is loaded by that."""
    # numpy is there wherever an estimator can be.
    from .estimator import EstimatorModel  # noqa: PLC0415

    estimator = pickled.read_estimator(start.file, start.allow_version_skew)
    model = EstimatorModel(estimator)
    description = f"{type(estimator).__name__} in {start.file.name}"
    inputs = _same_names(start.inputs, model.inputs, f"inputs of {description}")
    outputs = _same_names(start.outputs, model.outputs, f"outputs of {description}")
    found = _of_tensors(model, description, inputs, outputs)
    return replace(found, use_threads=partial(pickled.use_threads, estimator))


def _same_names(given: list[Spec], found: list[Spec], where: str) -> list[Spec]:
    """What the estimator has, each as model.toml says where that says something."""
    said = {spec.name: spec for spec in given}
    names = [spec.name for spec in found]
    if not set(said) <= set(names):
        raise ConfigurationError(f"{where} are {', '.join(names)}; see model.toml")
    return [said.get(spec.name, spec) for spec in found]


def _of_code(start: Start) -> Found:
    """The model's class in a user's file."""
    cls = _model_class(_import(start.file), start.file.name)
    description = f"class {cls.__name__} in {start.file.name}"
    if inspect.iscoroutinefunction(cls.predict):
        raise ConfigurationError(f"predict of {description} is async; use a plain def")
    model = cls()
    inputs = start.inputs or _declared(model, "inputs", description)
    outputs = start.outputs or _declared(model, "outputs", description)
    if inputs and outputs:
        return _of_tensors(model, description, inputs, outputs)
    if inputs or outputs:
        has, lacks = ("inputs", "outputs") if inputs else ("outputs", "inputs")
        raise ConfigurationError(f"{description} declares {has} and no {lacks}")
    return _of_rows(model, description)


def _of_tensors(
    model: Any, description: str, inputs: list[Spec], outputs: list[Spec]
) -> Found:
    """A model whose predict() takes and returns numpy arrays by name."""
    # Here, as models of rows need no numpy; and before the fork, for all workers.
    from .tensors import TensorExchange  # noqa: PLC0415

    exchange = partial(TensorExchange, inputs=inputs, outputs=outputs)
    return Found(model, description, "tensors", inputs, outputs, exchange)


def _of_rows(model: Any, description: str) -> Found:
    row, result = typed.row_and_result(model.predict, description)
    taken, returned = rows.specs(row, result)
    exchange = partial(rows.RowExchange, row=row, result=result)
    return Found(model, description, "rows", [taken], [returned], exchange)


def _import(file: Path) -> ModuleType:
    """Imports the file under its own name, whatever else has that name."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{file.name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def _model_class(module: ModuleType, file: str) -> Any:
    """The class `Model`, else the only one of this file that has predict()."""
    named = getattr(module, "Model", None)
    if inspect.isclass(named) and _can_predict(named):
        return named
    choices = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and value.__module__ == module.__name__
        and _can_predict(value)
    ]
    if len(choices) == 1:
        return choices[0]
    if not choices:
        raise ConfigurationError(
            f"no class in {file} has a method predict(); write one, such as "
            "class Model with load(self) and predict(self, rows)"
        )
    names = ", ".join(choice.__name__ for choice in choices)
    raise ConfigurationError(
        f"{file} has several classes with predict(): {names}; "
        "name the one to serve Model"
    )


def _can_predict(cls: type) -> bool:
    return callable(getattr(cls, "predict", None)) and not inspect.isabstract(cls)


def _declared(model: Any, name: str, description: str) -> list[Spec]:
    declared = getattr(model, name, None)
    if declared is None:
        return []
    return signature.parse(declared, f"{name} of {description}")
