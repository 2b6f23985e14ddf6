"""Pickled estimators: their answers are the library's own, bit for bit."""

import importlib
import inspect
import pickle
import sys
import warnings

import joblib
import numpy
import pandas
import pytest
from loadonce_worker.estimator import EstimatorModel
from loadonce_worker.signature import Spec
from served import REFUSED, tensor
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
)
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

IRIS, SPECIES = load_iris(return_X_y=True)
NAMES = numpy.array(["setosa", "versicolor", "virginica"])[SPECIES]
TEXTS = ["free money now", "lunch at noon", "money money", "see you at lunch"] * 5
SPAM = numpy.array(["spam", "ham", "spam", "ham"] * 5)

CLASSIFIERS = [
    BaggingClassifier(n_estimators=5, random_state=0),
    BernoulliNB(),
    ComplementNB(),
    DecisionTreeClassifier(max_depth=2),
    ExtraTreeClassifier(max_depth=2, random_state=0),
    ExtraTreesClassifier(n_estimators=6, max_depth=2, random_state=0),
    GaussianNB(),
    GradientBoostingClassifier(n_estimators=5),
    HistGradientBoostingClassifier(max_iter=5),
    KNeighborsClassifier(4),
    LogisticRegression(max_iter=1000),
    LogisticRegressionCV(max_iter=2000, Cs=2),
    MLPClassifier(max_iter=20, random_state=0),
    MultinomialNB(),
    RandomForestClassifier(n_estimators=6, max_depth=2, random_state=0),
    VotingClassifier([("a", GaussianNB()), ("b", BernoulliNB())], voting="soft"),
    GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}),
    make_pipeline(StandardScaler(), LogisticRegression()),
]


@pytest.fixture
def serve(load, tmp_path):
    """Loads a fitted estimator from a file."""

    def serve(estimator, **fields):
        file = tmp_path / "model.joblib"
        joblib.dump(estimator, file)
        return load(file, **fields)

    return serve


def untyped(spec):
    return spec["name"], spec["datatype"], spec["shape"]


def grid():
    """Rows all over the place, and others where classes are even."""
    values = numpy.random.default_rng(0).uniform(0, 8, (2000, 4))
    return numpy.concatenate([IRIS, values, numpy.zeros((2, 4))])


@pytest.mark.parametrize("estimator", [LogisticRegression(max_iter=1000), SVC()])
def test_through_processes(serve, estimator):
    estimator.fit(IRIS, NAMES)
    template = serve(estimator)
    label, other = template.worker().predict(IRIS)
    assert [one.decode() for one in label] == estimator.predict(IRIS).tolist()
    proba = hasattr(estimator, "predict_proba")
    method = estimator.predict_proba if proba else estimator.decision_function
    assert other.tobytes() == method(IRIS).tobytes()
    assert template.loaded["model"] == f"{type(estimator).__name__} in model.joblib"
    assert template.loaded["threads"] == 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("labels", [SPECIES, NAMES, NAMES == "setosa"])
@pytest.mark.parametrize(
    "estimator", CLASSIFIERS, ids=[type(one).__name__ for one in CLASSIFIERS]
)
def test_classifiers(estimator, labels):
    estimator.fit(IRIS, labels)
    model = EstimatorModel(estimator)
    x = grid()
    answer = model.predict({"x": x})
    assert answer["label"].tolist() == estimator.predict(x).tolist()
    assert answer["probabilities"].tobytes() == estimator.predict_proba(x).tobytes()
    kind = {"U": "BYTES", "i": "INT64", "b": "BOOL"}[labels.dtype.kind]
    classes = estimator.classes_.tolist()
    assert model.outputs == [
        Spec("label", kind, (-1,)),
        Spec("probabilities", "FP64", (-1, len(classes)), labels=classes),
    ]
    assert model.inputs == [Spec("x", "FP64", (-1, 4))]


def test_even_classes_are_the_estimators_own_choice():
    # Where both are even, predict() says 1 and the largest probability is the first.
    model = LogisticRegression().fit([[-1.0], [1.0]], [0, 1])
    model.coef_[:], model.intercept_[:] = 1e-17, 0
    x = numpy.array([[1.0], [-1.0]])
    answer = EstimatorModel(model).predict({"x": x})
    assert answer["probabilities"].tolist() == [[0.5, 0.5]] * 2
    assert answer["label"].tolist() == model.predict(x).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("estimator", "names"),
    [
        (SVC(), ["label", "scores"]),
        (RidgeClassifier(), ["label", "scores"]),
        (LinearRegression(), ["prediction"]),
        (RandomForestRegressor(n_estimators=5), ["prediction"]),
        (IsolationForest(n_estimators=5), ["label", "scores"]),
        (KMeans(3, n_init=1), ["label"]),
        (StandardScaler(), ["output"]),
    ],
)
def test_others(estimator, names):
    estimator.fit(IRIS, SPECIES)
    model = EstimatorModel(estimator)
    answer = model.predict({"x": IRIS})
    methods = {"scores": "decision_function", "output": "transform"}
    for name in names:
        expected = getattr(estimator, methods.get(name, "predict"))(IRIS)
        assert answer[name].tolist() == expected.tolist()
    assert list(answer) == [spec.name for spec in model.outputs] == names


def test_several_outputs():
    y = numpy.stack([SPECIES, SPECIES * 2.0], axis=1)
    model = Ridge().fit(IRIS, y)
    served = EstimatorModel(model)
    answer = served.predict({"x": IRIS})
    assert answer["prediction"].tolist() == model.predict(IRIS).tolist()
    assert served.outputs == [Spec("prediction", "FP64", (-1, 2))]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "estimator",
    [
        MLPClassifier(max_iter=20, random_state=0),
        OneVsRestClassifier(LogisticRegression()),
        RandomForestClassifier(5, random_state=0),
    ],
)
def test_several_labels_a_row(estimator):
    x, y = make_multilabel_classification(n_classes=3, random_state=0)
    estimator.fit(x, y)
    model = EstimatorModel(estimator)
    assert model.predict({"x": x})["label"].tolist() == estimator.predict(x).tolist()
    assert model.outputs[0] == Spec("label", "INT64", (-1, 3))


def vectorizers():
    return FeatureUnion([("a", TfidfVectorizer()), ("b", CountVectorizer())])


@pytest.mark.parametrize("vectorizer", [TfidfVectorizer(), vectorizers()])
def test_text(serve, vectorizer):
    model = make_pipeline(vectorizer, LogisticRegression()).fit(TEXTS, SPAM)
    template = serve(model)
    assert untyped(template.loaded["inputs"][0]) == ("text", "BYTES", [-1])
    texts = ["free lunch", "", "unknown wörds"]
    encoded = numpy.array([text.encode() for text in texts], object)
    label, probabilities = template.worker().predict(encoded)
    assert [one.decode() for one in label] == model.predict(texts).tolist()
    assert probabilities.tolist() == model.predict_proba(texts).tolist()


def frame():
    return pandas.DataFrame(
        {
            "age": [20, 30, 40, 50] * 5,
            "city": ["Bern", "Paris", "Rome", "Bern"] * 5,
            "income": [1.0, 2.5, 3.0, 4.0] * 5,
            "note": TEXTS,
        }
    )


def of_columns():
    words = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    return make_pipeline(
        ColumnTransformer(
            [
                ("numbers", StandardScaler(), ["age", "income"]),
                ("words", words, ["city"]),
                ("texts", TfidfVectorizer(), "note"),
            ]
        ),
        LogisticRegression(),
    )


def test_columns_of_several_datatypes(serve):
    model = of_columns().fit(frame(), SPAM)
    template = serve(model)
    assert [untyped(spec) for spec in template.loaded["inputs"]] == [
        ("age", "FP64", [-1]),
        ("city", "BYTES", [-1]),
        ("income", "FP64", [-1]),
        ("note", "BYTES", [-1]),
    ]
    assert template.loaded["outputs"][1]["shape"] == [-1, 2]
    worker = template.worker()
    table = frame().head(3)
    text = {
        name: numpy.array([one.encode() for one in table[name]], object)
        for name in ("city", "note")
    }
    numbers = {name: table[name].to_numpy("f8") for name in ("age", "income")}
    columns = {**text, **numbers}
    inputs = [columns[name] for name in table.columns]
    label, probabilities = worker.predict(*inputs)
    assert [one.decode() for one in label] == model.predict(table).tolist()
    assert probabilities.tolist() == model.predict_proba(table).tolist()

    inputs[1][0] = b"Nowhere"
    refused = worker.run(*map(tensor, inputs))
    assert refused.kind == REFUSED
    assert "unknown categories" in refused.text["message"]


def test_model_toml_says_some_inputs_otherwise(load, tmp_path):
    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps(GaussianNB().fit(IRIS, SPECIES)))
    x = {"name": "x", "datatype": "FP32", "shape": [-1, 4]}
    template = load(file, inputs=[x])
    assert template.loaded["inputs"] == [x]
    assert [spec["name"] for spec in template.loaded["outputs"]] == [
        "label",
        "probabilities",
    ]


def test_columns_by_name_of_one_datatype(serve):
    table = frame()[["age", "income"]]
    scaler = ColumnTransformer([("numbers", StandardScaler(), ["income", "age"])])
    model = make_pipeline(scaler, LogisticRegression()).fit(table, SPAM)
    template = serve(model)
    (spec,) = template.loaded["inputs"]
    assert untyped(spec) == ("x", "FP64", [-1, 2])
    assert spec["columns"] == ["age", "income"]
    _, probabilities = template.worker().predict(table.to_numpy("f8"))
    assert probabilities.tolist() == model.predict_proba(table).tolist()


def test_columns_without_names(serve):
    table = frame()[["age", "city"]].to_numpy(object)
    encoder = ColumnTransformer(
        [("words", OrdinalEncoder(), [1])], remainder="passthrough"
    )
    model = make_pipeline(encoder, LogisticRegression()).fit(table, SPAM)
    template = serve(model)
    inputs = [(spec["name"], spec["datatype"]) for spec in template.loaded["inputs"]]
    assert inputs == [("x0", "FP64"), ("x1", "BYTES")]
    cities = numpy.array([one.encode() for one in table[:, 1]], object)
    _, probabilities = template.worker().predict(table[:, 0].astype("f8"), cities)
    assert probabilities.tolist() == model.predict_proba(table).tolist()


def test_names_of_columns_are_told_and_cost_no_warning(serve):
    table = pandas.DataFrame(IRIS, columns=["a", "b", "c", "d"])
    template = serve(LogisticRegression(max_iter=1000).fit(table, SPECIES))
    assert template.loaded["inputs"][0]["columns"] == ["a", "b", "c", "d"]
    worker = template.worker()
    worker.predict(IRIS)
    worker.stop()
    assert template.receive("exited")["code"] == 0
    assert worker.stderr.rest() == ""


def test_values_that_the_estimator_refuses_are_the_callers(serve):
    worker = serve(LinearRegression().fit(IRIS, SPECIES)).worker()
    frame = worker.run(tensor(numpy.array([[1.0, 2.0, numpy.nan, 4.0]])))
    assert frame.kind == REFUSED
    assert "Input X contains NaN" in frame.text["message"]
    assert worker.predict(IRIS)


CROWD = """
import os
import threading

import joblib
import numpy
from sklearn.base import BaseEstimator

class Crowd(BaseEstimator):
    def __init__(self, n_jobs=None):
        self.n_jobs = n_jobs

    def fit(self, x, y):
        self.fitted_ = True
        return self

    def predict(self, x):
        # All wait for each other, so they are there at once.
        jobs = self.n_jobs or 1
        together = threading.Barrier(jobs, timeout=10)

        def job():
            together.wait()
            return os.getpid(), threading.get_ident()

        seen = joblib.Parallel(self.n_jobs)(joblib.delayed(job)() for _ in range(jobs))
        return numpy.full(len(x), len(set(seen)))
"""


@pytest.mark.parametrize("jobs", [None, -1])
def test_estimators_have_the_threads_of_a_run(serve, tmp_path, monkeypatch, jobs):
    (tmp_path / "crowd.py").write_text(CROWD)
    monkeypatch.syspath_prepend(tmp_path)
    crowd = importlib.import_module("crowd").Crowd(jobs)
    template = serve(make_pipeline(StandardScaler(), crowd).fit(IRIS, SPECIES))
    assert template.loaded["threads"] == 1
    for budget in (1, 2):
        worker = template.worker(threads=budget)
        assert set(worker.predict(IRIS)[0]) == {budget}
    monkeypatch.delitem(sys.modules, "crowd")


@pytest.mark.parametrize(
    ("name", "dump"), [("model.pkl", joblib.dump), ("model.pickle", "pickle")]
)
def test_pickles_are_read_whoever_wrote_them(load, tmp_path, name, dump):
    model = LinearRegression().fit(IRIS, SPECIES)
    file = tmp_path / name
    if dump == "pickle":
        file.write_bytes(pickle.dumps(model))
    else:
        dump(model, file)
    template = load(file)
    assert template.loaded["model"] == f"LinearRegression in {name}"
    assert template.worker().predict(IRIS)[0].shape == (150,)


class Skewed(LinearRegression):
    """Says what scikit-learn says of an estimator of another version."""

    def __reduce__(self):
        return skewed, (self.__dict__,)


def skewed(state):
    model = LinearRegression()
    model.__dict__.update(state)
    warnings.warn(
        InconsistentVersionWarning(
            estimator_name="LinearRegression",
            current_sklearn_version="2",
            original_sklearn_version="1",
        ),
        stacklevel=1,
    )
    return model


def test_a_skew_of_versions_is_refused_unless_allowed(start, tmp_path):
    (tmp_path / "test_estimators.py").write_text(
        "from sklearn.exceptions import InconsistentVersionWarning\n"
        "from sklearn.linear_model import LinearRegression\n"
        "import warnings\n" + source_of_skewed()
    )
    file = tmp_path / "model.joblib"
    joblib.dump(Skewed().fit(IRIS, SPECIES), file)
    failed = start(file).receive("failed")
    assert failed["kind"] == "version_skew"
    assert "from version 1 when using version 2" in failed["message"]
    assert "allow_version_skew = true" in failed["message"]
    template = start(file, allow_version_skew=True)
    template.receive("loaded")
    assert "from version 1" in template.stderr.line()


def source_of_skewed():
    return inspect.getsource(skewed)


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        (b"garbage", "corrupt", "model.pkl is no whole pickle"),
        (b"", "corrupt", "model.pkl is no whole pickle: EOFError"),
        (b"cabsent_module\nf\n.", "missing_module", "No module named 'absent_module'"),
        (b"cos\nabsent\n.", "missing_module", "needs code that is not in it"),
        (
            pickle.dumps({"model": 1}),
            "configuration",
            "holds a dict, which has neither",
        ),
        (pickle.dumps(LinearRegression()), "configuration", "model.pkl is not fitted"),
        (None, "not_found", "model.pkl"),
    ],
)
def test_files_that_are_no_model(start, tmp_path, content, kind, message):
    file = tmp_path / "model.pkl"
    if content is not None:
        file.write_bytes(content)
    failed = start(file).receive("failed")
    assert (failed["kind"], message in failed["message"]) == (kind, True), failed
