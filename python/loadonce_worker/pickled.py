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
    # Others would not survive the fork.
    use_threads(estimator, 1)
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


def use_threads(estimator: Any, threads: int) -> None:
    """Has an estimator, and all that are in it, run with so many threads."""
    for part in parts(estimator):
        jobs = getattr(part, "n_jobs", threads)
        if jobs not in (None, 1, threads):
            text = "n_jobs of %s is %s in the file; 'threads' in model.toml sets it"
            _log.info(text, type(part).__name__, jobs)
        if (jobs or 1) != threads:
            part.n_jobs = threads
    if threads > 1:
        import joblib  # noqa: PLC0415

        # Some would start processes, which are slow to reach.
        joblib.parallel_backend("threading", n_jobs=threads)


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
