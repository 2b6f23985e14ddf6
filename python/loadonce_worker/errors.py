"""What can be wrong with a model or a request, by kinds that the server knows."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any, NamedTuple

from . import messages


class LoadError(Exception):
    """A model that cannot be loaded, for a reason that was found here."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class ConfigurationError(LoadError):
    """The model's code or declarations are not what a model's must be."""

    def __init__(self, message: str) -> None:
        super().__init__("configuration", message)


class AnswerError(Exception):
    """A model's answer that does not keep what its signature promises."""


class RowError(NamedTuple):
    """What is wrong in one row of a request."""

    row: int
    path: str
    message: str


class RequestError(Exception):
    """A request that the model's types do not allow."""

    def __init__(self, message: str, rows: Sequence[RowError] = ()) -> None:
        super().__init__(message)
        self.rows = list(rows)

    def report(self) -> dict[str, Any]:
        """The text of a REFUSED frame."""
        return {"message": str(self), "rows": [row._asdict() for row in self.rows]}


def fault_report(error: BaseException) -> dict[str, Any]:
    """The text of a FAILED frame for a run."""
    if isinstance(error, AnswerError):
        return {"message": str(error), "traceback": ""}
    trace = messages.users_traceback(error)
    return {"message": messages.one_line(error), "traceback": trace}


def load_report(error: BaseException) -> dict[str, Any]:
    """Kind, message and traceback of a load, or of start_worker(), that failed."""
    if isinstance(error, LoadError):
        return {"kind": error.kind, "message": str(error), "traceback": ""}
    return {"kind": _kind(error), **fault_report(error)}


def _kind(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "not_found"
    if isinstance(error, ImportError):
        return "missing_module"
    if isinstance(error, pickle.UnpicklingError):
        return "corrupt"
    return "code"
