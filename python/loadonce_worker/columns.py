"""What a fitted estimator takes: a matrix, text, or a column for each of its inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy

from .signature import FREE, Spec

if TYPE_CHECKING:
    from .tensors import Array


# Libraries whose estimators take an array where they were fitted on a frame ...
LIBRARIES = ("sklearn", "xgboost", "lightgbm")
# ... but for these, which may look for columns by name.
_BY_NAME = ("ColumnTransformer", "FeatureUnion", "FunctionTransformer")


class Column(NamedTuple):
    """One column of a table; a column of text has an `example` that it may hold."""

    name: str
    text: bool = False
    example: str = ""


class Text:
    """Documents for a vectorizer."""

    specs = (Spec("text", "BYTES", (FREE,)),)

    def table(self, inputs: dict[str, Array]) -> Any:
        return inputs["text"]

    def examples(self, rows: int) -> dict[str, Array]:
        return {"text": numpy.array(["a text"] * rows, object)}


class Matrix:
    """Columns of one datatype, as one input."""

    def __init__(self, columns: list[Column] | None, named: bool, frame: bool) -> None:
        self._columns = columns
        self._frame = frame
        self._text = bool(columns) and all(column.text for column in columns or ())
        width = FREE if columns is None else len(columns)
        names = [column.name for column in columns] if columns and named else None
        datatype = "BYTES" if self._text else "FP64"
        self.specs = (Spec("x", datatype, (FREE, width), columns=names),)

    def table(self, inputs: dict[str, Array]) -> Any:
        x = inputs["x"]
        if not self._frame:
            return x
        import pandas  # noqa: PLC0415

        return pandas.DataFrame(x, columns=self.specs[0].columns)

    def examples(self, rows: int) -> dict[str, Array]:
        columns = self._columns or [Column("x")]
        if not self._text:
            return {"x": numpy.zeros((rows, len(columns)))}
        row = [column.example for column in columns]
        return {"x": numpy.array([row] * rows, object)}


class Columns:
    """Columns of several datatypes, each an input."""

    def __init__(self, columns: list[Column], frame: bool) -> None:
        self._columns = columns
        self._frame = frame
        self.specs = tuple(
            Spec(column.name, "BYTES" if column.text else "FP64", (FREE,))
            for column in columns
        )

    def table(self, inputs: dict[str, Array]) -> Any:
        if self._frame:
            import pandas  # noqa: PLC0415

            return pandas.DataFrame(inputs)
        table = [inputs[column.name].astype(object) for column in self._columns]
        return numpy.stack(table, axis=1)

    def examples(self, rows: int) -> dict[str, Array]:
        return {
            column.name: numpy.array([column.example] * rows, object)
            if column.text
            else numpy.zeros(rows)
            for column in self._columns
        }


def taken_by(estimator: Any) -> Text | Matrix | Columns:
    """What this fitted estimator takes."""
    head = _head(estimator)
    if _is_text(head):
        return Text()
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None:
        columns = [Column(str(name)) for name in names]
    else:
        width = getattr(estimator, "n_features_in_", None)
        if width is None:
            return Matrix(None, named=False, frame=False)
        columns = [Column(f"x{index}") for index in range(width)]
    for index, example in _text_columns(head, [column.name for column in columns]):
        columns[index] = Column(columns[index].name, text=True, example=example)
    frame = names is not None and _needs_names(head)
    if len({column.text for column in columns}) > 1:
        return Columns(columns, frame or names is not None)
    return Matrix(columns, names is not None, frame)


def _head(estimator: Any) -> Any:
    """What sees the input first."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif getattr(estimator, "steps", None):
            steps = [step for _, step in estimator.steps if hasattr(step, "fit")]
            if not steps:
                return estimator
            estimator = steps[0]
        else:
            return estimator


def _needs_names(head: Any) -> bool:
    """Whether it may look for columns by name, which only frames have."""
    ours = type(head).__module__.partition(".")[0] in LIBRARIES
    return not ours or type(head).__name__ in _BY_NAME


def _is_text(head: Any) -> bool:
    if hasattr(head, "transformer_list"):
        return all(_is_text(_head(part)) for _, part in head.transformer_list)
    return hasattr(head, "build_analyzer") and getattr(head, "input", "") == "content"


def _text_columns(head: Any, names: list[str]) -> Iterator[tuple[int, str]]:
    """The columns that hold text, each with an example."""
    if not hasattr(head, "transformers_"):
        yield from _text_of_steps(head, list(range(len(names))))
        return
    for _, transformer, chosen in head.transformers_:
        indices = _indices(chosen, names)
        if _is_text(_head(transformer)):
            yield from ((index, "a text") for index in indices)
        else:
            yield from _text_of_steps(transformer, indices)


def _text_of_steps(transformer: Any, indices: list[int]) -> Iterator[tuple[int, str]]:
    for _, step in getattr(transformer, "steps", [("", transformer)]):
        categories = getattr(step, "categories_", None)
        if categories is None:
            continue
        for index, values in zip(indices, categories):
            texts = [value for value in values if isinstance(value, str)]
            if texts:
                yield index, str(texts[0])
        return


def _indices(chosen: Any, names: list[str]) -> list[int]:
    """The indices of columns that a ColumnTransformer names in one of its ways."""
    if isinstance(chosen, str):
        return [names.index(chosen)]
    if isinstance(chosen, slice) and isinstance(chosen.start or chosen.stop, str):
        first = 0 if chosen.start is None else names.index(chosen.start)
        last = len(names) if chosen.stop is None else names.index(chosen.stop) + 1
        return list(range(first, last))
    if not isinstance(chosen, (slice, int)):
        chosen = list(chosen)
        if chosen and isinstance(chosen[0], str):
            return [names.index(name) for name in chosen]
    picked = numpy.arange(len(names))[chosen] if chosen != [] else []
    return [int(index) for index in numpy.atleast_1d(picked)]
