"""Models without code: a fitted scikit-learn estimator in a joblib or pickle file."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import messages
from .errors import ConfigurationError, LoadError

SUFFIXES = (".joblib", ".pkl", ".pickle")

_log = logging.getLogger("loadonce")


def read_estimator(file: Path, allow_version_skew: bool) -> Any:
    """The fitted estimator of a file, on one thread."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator = _unpickle(file)
    for warning in caught:
        text = " ".join(str(warning.message).split())
        if "Version" in warning.category.__name__ and not allow_version_skew:
            raise LoadError(
                "version_skew",
                f"{file.name}: {text} Train it again, or set allow_version_skew = true "
                "in model.toml",
            )
        _log.warning("%s: %s", file.name, text)
    _check_fitted(estimator, file)
    _use_one_thread(estimator)
    return estimator


def _unpickle(file: Path) -> Any:
    try:
        return _load(file)
    except AttributeError as error:
        # "Can't get attribute 'tokenize' on <module '__main__' ...>"
        raise LoadError(
            "missing_module",
            f"{file.name} needs code that is not in it: {error}. Put that code into a "
            "module that can be imported, train again, or write a model.py",
        ) from error
    except (
        pickle.UnpicklingError,
        EOFError,
        KeyError,
        IndexError,
        ValueError,
    ) as error:
        raise LoadError(
            "corrupt", f"{file.name} is no whole pickle: {messages.one_line(error)}"
        ) from error


def _load(file: Path) -> Any:
    """What joblib wrote only joblib reads, whatever its name; it reads pickles too."""
    try:
        import joblib  # noqa: PLC0415
    except ImportError:
        with file.open("rb") as opened:
            return pickle.load(opened)
    return joblib.load(file)


def _check_fitted(estimator: Any, file: Path) -> None:
    if not any(hasattr(estimator, name) for name in ("predict", "transform")):
        raise ConfigurationError(
            f"{file.name} holds a {type(estimator).__name__}, which has neither "
            "predict() nor transform(); write a model.py that uses it"
        )
    if not hasattr(estimator, "get_params"):
        return
    from sklearn.exceptions import NotFittedError  # noqa: PLC0415
    from sklearn.utils.validation import check_is_fitted  # noqa: PLC0415

    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise ConfigurationError(f"{file.name} is not fitted: {error}") from None


def _use_one_thread(estimator: Any) -> None:
    """A pool of threads would not survive the fork; workers run beside each other."""
    for part in parts(estimator):
        jobs = getattr(part, "n_jobs", None)
        if jobs not in (None, 1):
            part.n_jobs = 1
            name = type(part).__name__
            _log.info("n_jobs of %s was %s and is 1 here", name, jobs)


def parts(estimator: Any) -> Iterator[Any]:
    """An estimator, and all that are in it."""
    yield estimator
    for value in vars(estimator).values() if hasattr(estimator, "__dict__") else ():
        yield from _parts_of_value(value)


def _parts_of_value(value: Any) -> Iterator[Any]:
    if hasattr(value, "get_params") and not isinstance(value, type):
        yield from parts(value)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _parts_of_value(one)
