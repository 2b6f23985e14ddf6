"""A fitted estimator as a model of tensors, whose signature is read off it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy

from . import columns
from .errors import RequestError
from .signature import FREE, Spec

if TYPE_CHECKING:
    from .tensors import Array

# Classifiers of which predict() is the class of the largest of predict_proba(), by the
# same arithmetic ...
_SAME = {
    "DecisionTreeClassifier",
    "ExtraTreeClassifier",
    "ExtraTreesClassifier",
    "LGBMClassifier",
    "RandomForestClassifier",
}
# ... or by one that can differ from it only where two classes are all but even.
_SAME_UNLESS_EVEN = {
    "BernoulliNB",
    "ComplementNB",
    "GaussianNB",
    "GradientBoostingClassifier",
    "HistGradientBoostingClassifier",
    "LogisticRegression",
    "LogisticRegressionCV",
    "MLPClassifier",
    "MultinomialNB",
    "XGBClassifier",
}
_EVEN = 1e-6
# Enough to tell the dimension of rows from others.
_EXAMPLES = 2


class EstimatorModel:
    """Answers with what the estimator's own methods return."""

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator
        self._input = columns.taken_by(estimator)
        self._classes = _plain_classes(estimator)
        self._proba = self._classes is not None and hasattr(estimator, "predict_proba")
        self._scores = hasattr(estimator, "predict") and not self._proba
        self._scores = self._scores and hasattr(estimator, "decision_function")
        self._label = _label_name(estimator)
        # It is given arrays without names even where it was fitted on a frame.
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        self._same = self._same_unless_even = False
        self.inputs = list(self._input.specs)
        self.outputs = self._read_outputs()
        self._know_the_same(_final(estimator))

    def predict(self, inputs: dict[str, Array]) -> dict[str, Any]:
        """What the estimator says of these rows."""
        try:
            return self._answer(self._input.table(inputs))
        except ValueError as error:
            if isinstance(error, AttributeError):
                raise  # It is not fitted, which is both.
            # Types and shapes are right by the signature, so it is the values: a
            # category that nobody has seen, a NaN where there may be none.
            raise RequestError(" ".join(str(error).split())) from error

    def _answer(self, table: Any) -> dict[str, Any]:
        estimator = self._estimator
        if not hasattr(estimator, "predict"):
            return {"output": _dense(estimator.transform(table))}
        if not self._proba:
            answer = {self._label: estimator.predict(table)}
            if self._scores:
                answer["scores"] = estimator.decision_function(table)
            return answer
        probabilities = estimator.predict_proba(table)
        label = self._most_likely(probabilities)
        if label is None:
            label = estimator.predict(table)
        return {"label": label, "probabilities": probabilities}

    def _most_likely(self, probabilities: Array) -> Array | None:
        """What predict() would return, where that is known without it."""
        classes = self._classes
        if classes is None or probabilities.shape[1] != len(classes):
            return None
        if self._same_unless_even and len(classes) > 1:
            second, first = numpy.partition(probabilities, -2)[:, -2:].T
            if (first - second < _EVEN).any():
                return None
        elif not self._same:
            return None
        label: Array = classes.take(probabilities.argmax(axis=1))
        return label

    def _know_the_same(self, final: Any) -> None:
        name, module = type(final).__name__, type(final).__module__
        known = module.partition(".")[0] in columns.LIBRARIES
        # Of several labels for a row, each would have probabilities of its own.
        if known and self.outputs[0].shape == (FREE,):
            self._same = name in _SAME
            self._same_unless_even = name in _SAME_UNLESS_EVEN

    def _read_outputs(self) -> list[Spec]:
        """Names and datatypes of what it answers for examples, and their shapes."""
        with contextlib.suppress(Exception), _warnings_ignored():
            answer = self._answer(self._input.table(self._input.examples(_EXAMPLES)))
            return [
                self._spec(name, numpy.asarray(one)) for name, one in answer.items()
            ]
        return self._expected_outputs()

    def _spec(self, name: str, example: Array) -> Spec:
        rows = example.shape[:1] == (_EXAMPLES,)
        shape = (FREE, *example.shape[1:]) if rows else None
        datatype = _datatype(example) if name == "label" else "FP64"
        labels = self._labels() if name == "probabilities" else None
        return Spec(name, datatype, shape, labels=labels)

    def _labels(self) -> list[Any] | None:
        if self._classes is None:
            return None
        text = self._classes.dtype.kind == "S"
        return list((self._classes.astype(str) if text else self._classes).tolist())

    def _expected_outputs(self) -> list[Spec]:
        """The same without an answer: examples of zeros are not for every estimator."""
        if not hasattr(self._estimator, "predict"):
            return [Spec("output", "FP64", None)]
        if self._label == "prediction":
            outputs = [Spec("prediction", "FP64", None)]
        else:
            classes = self._classes
            datatype = "INT64" if classes is None else _datatype(classes)
            outputs = [Spec("label", datatype, None)]
        if self._classes is not None and self._proba:
            outputs.append(Spec("probabilities", "FP64", None, labels=self._labels()))
        if self._scores:
            outputs.append(Spec("scores", "FP64", None))
        return outputs


@contextlib.contextmanager
def _warnings_ignored() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _plain_classes(estimator: Any) -> Array | None:
    """The classes, unless each output has its own."""
    classes = getattr(estimator, "classes_", None)
    if classes is None or isinstance(classes, list):
        return None
    array = numpy.asarray(classes)
    return array if array.ndim == 1 else None


def _final(estimator: Any) -> Any:
    """What has the last word."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif getattr(estimator, "steps", None):
            estimator = estimator.steps[-1][1]
        else:
            return estimator


def _label_name(estimator: Any) -> str:
    """Regressors predict a number; classifiers, clusterers and detectors a label."""
    if hasattr(estimator, "classes_"):
        return "label"
    try:
        from sklearn.base import is_clusterer, is_outlier_detector  # noqa: PLC0415
    except ImportError:
        return "prediction"
    labels = is_clusterer(estimator) or is_outlier_detector(estimator)
    return "label" if labels else "prediction"


def _datatype(labels: Array) -> str:
    if labels.dtype.kind == "O":
        labels = numpy.array(labels.tolist())
    return {"b": "BOOL", "i": "INT64", "u": "INT64", "f": "FP64"}.get(
        labels.dtype.kind, "BYTES"
    )


def _dense(transformed: Any) -> Any:
    return transformed.toarray() if hasattr(transformed, "toarray") else transformed
