"""Models of scikit-learn, exported by skl2onnx."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import onnx
import sklearn
from casefile import Expectation
from skl2onnx import to_onnx
from skl2onnx.common import _container
from skl2onnx.common.data_types import (
    DoubleTensorType,
    FloatTensorType,
    Int64TensorType,
    StringTensorType,
)
from sklearn import (
    cluster,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    gaussian_process,
    impute,
    linear_model,
    mixture,
    multiclass,
    multioutput,
    naive_bayes,
    neighbors,
    neural_network,
    preprocessing,
    svm,
    tree,
)
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import Pipeline, make_pipeline
from trained_columns import column_models
from training import (
    ABSOLUTE,
    CANCER,
    CANCER_NAMES,
    DIABETES,
    IRIS,
    IRIS_NAMES,
    RELATIVE,
    SEED,
    WINE,
    Failed,
    Table,
    Trained,
    attempt,
    clear_rows,
    outputs_of,
    probabilities,
    serialized,
    with_gaps,
)

SOURCE = f"scikit-learn {sklearn.__version__}"

# Kernels and layers: sums of many products in single precision.
ROUGH = (1e-3, 1e-4)


def make_node(*arguments: Any, **attributes: Any) -> onnx.NodeProto:
    """onnx takes no NumPy numbers and truth values, which skl2onnx gives it."""
    plain = {name: unwrapped(value) for name, value in attributes.items()}
    return onnx.helper.make_node(*arguments, **plain)


def unwrapped(value: Any) -> Any:
    if isinstance(value, list):
        return [unwrapped(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return int(value) if isinstance(value, bool) else value


_container.make_node = make_node

OPSETS = {"": 18, "ai.onnx.ml": 3}
TENSOR_TYPES = {
    np.dtype(np.float32): FloatTensorType,
    np.dtype(np.float64): DoubleTensorType,
    np.dtype(np.int64): Int64TensorType,
    np.dtype(np.object_): StringTensorType,
}


def scikit_models() -> Iterator[Trained | Failed]:
    for models in [
        classifiers,
        regressors,
        outlier_detectors,
        transformers,
        other_inputs,
        combinations,
        column_models,
    ]:
        yield from models()


def scaled(estimator: BaseEstimator) -> BaseEstimator:
    return make_pipeline(preprocessing.StandardScaler(), estimator)


def export(
    name: str,
    estimator: BaseEstimator,
    data: Table,
    options: dict[str, Any] | None = None,
    tolerance: tuple[float, float] = (RELATIVE, ABSOLUTE),
) -> Trained | Failed:
    """The trained estimator; its classes' probabilities as a tensor by default."""

    def make() -> Trained:
        fitted = estimator.fit(data.train, data.target)
        rows = data.rows
        chosen = options
        if is_classifier(fitted):
            rows = rows[clear_rows(fitted, rows)]
            chosen = class_options(fitted) if options is None else options
        kind = TENSOR_TYPES[rows.dtype]([None, rows.shape[1]])
        chosen = {id(fitted): chosen} if chosen else None
        model = to_onnx(
            fitted, initial_types=[("rows", kind)], options=chosen, target_opset=OPSETS
        )
        outputs = outputs_of(model, predictions(fitted, rows))
        expectation = Expectation(SOURCE, *tolerance)
        inputs = {"rows": rows}
        return Trained(name, serialized(model), inputs, outputs, expectation)

    return attempt(name, make)


def exported_scores(classifier: Any, rows: np.ndarray) -> np.ndarray:
    """Probabilities or scores in the form that skl2onnx gives them of two classes."""
    scores = probabilities(classifier, rows)
    last = last_of(classifier)
    if hasattr(last, "predict_proba") or scores.shape[1] > 2:
        return scores
    if isinstance(last, svm.LinearSVC | linear_model.RidgeClassifier):
        return scores[:, 1:]
    # libsvm's score is one for the first class.
    return -scores if isinstance(last, svm.SVC | svm.NuSVC) else scores


def last_of(estimator: Any) -> Any:
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def class_options(classifier: Any) -> dict[str, Any]:
    """Scores of classes as a tensor; an export of `LinearSVC` has no other form."""
    return {} if isinstance(last_of(classifier), svm.LinearSVC) else {"zipmap": False}


def predictions(fitted: Any, rows: np.ndarray) -> list[np.ndarray]:
    """What an export gives, in its order."""
    if is_classifier(fitted):
        return [fitted.predict(rows), exported_scores(fitted, rows)]
    if is_regressor(fitted):
        return [fitted.predict(rows)]
    if hasattr(fitted, "transform") and hasattr(fitted, "predict"):
        return [fitted.predict(rows), fitted.transform(rows)]
    if hasattr(fitted, "transform"):
        return [fitted.transform(rows)]
    scores = fitted.predict_proba if is_mixture(fitted) else fitted.decision_function
    return [fitted.predict(rows), scores(rows)]


def is_mixture(fitted: Any) -> bool:
    return isinstance(last_of(fitted), mixture.GaussianMixture)


def classifiers() -> Iterator[Trained | Failed]:
    """Each classifier on two and on three classes, with numbers and names."""
    tables = {
        "binary": CANCER,
        "binary_names": CANCER_NAMES,
        "multiclass": IRIS,
        "multiclass_names": IRIS_NAMES,
    }
    for kind, (estimator, tolerance) in CLASSIFIERS.items():
        for form, data in tables.items():
            yield export(f"{kind}_{form}", estimator, data, None, tolerance)


FINE = (RELATIVE, ABSOLUTE)
CLASSIFIERS = {
    "logistic": (scaled(linear_model.LogisticRegression()), FINE),
    "logistic_one_vs_rest": (
        scaled(multiclass.OneVsRestClassifier(linear_model.LogisticRegression())),
        FINE,
    ),
    "ridge_classifier": (scaled(linear_model.RidgeClassifier()), ROUGH),
    "sgd_log": (
        scaled(linear_model.SGDClassifier(loss="log_loss", random_state=SEED)),
        ROUGH,
    ),
    "sgd_hinge": (scaled(linear_model.SGDClassifier(random_state=SEED)), ROUGH),
    "perceptron": (scaled(linear_model.Perceptron(random_state=SEED)), ROUGH),
    # skl2onnx cannot convert it within a pipeline.
    "linear_svc": (svm.LinearSVC(max_iter=20000, random_state=SEED), ROUGH),
    "lda": (scaled(discriminant_analysis.LinearDiscriminantAnalysis()), ROUGH),
    "qda": (
        scaled(discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1)),
        ROUGH,
    ),
    "svc_rbf": (scaled(svm.SVC()), ROUGH),
    "svc_linear": (scaled(svm.SVC(kernel="linear")), ROUGH),
    "svc_poly": (scaled(svm.SVC(kernel="poly", coef0=1.0)), ROUGH),
    "svc_sigmoid": (scaled(svm.SVC(kernel="sigmoid")), ROUGH),
    "svc_probability": (
        scaled(svm.SVC(probability=True, random_state=SEED)),
        ROUGH,
    ),
    "nu_svc": (scaled(svm.NuSVC(nu=0.3)), ROUGH),
    "decision_tree": (
        tree.DecisionTreeClassifier(max_depth=5, random_state=SEED),
        FINE,
    ),
    "extra_tree": (tree.ExtraTreeClassifier(max_depth=5, random_state=SEED), FINE),
    "random_forest": (
        ensemble.RandomForestClassifier(20, max_depth=6, random_state=SEED),
        FINE,
    ),
    "extra_trees": (
        ensemble.ExtraTreesClassifier(20, max_depth=6, random_state=SEED),
        FINE,
    ),
    "gradient_boosting": (
        ensemble.GradientBoostingClassifier(n_estimators=15, random_state=SEED),
        FINE,
    ),
    "hist_boosting": (
        ensemble.HistGradientBoostingClassifier(max_iter=15, random_state=SEED),
        FINE,
    ),
    "ada_boost": (
        ensemble.AdaBoostClassifier(n_estimators=10, random_state=SEED),
        ROUGH,
    ),
    "bagging": (ensemble.BaggingClassifier(n_estimators=5, random_state=SEED), FINE),
    "k_neighbors": (scaled(neighbors.KNeighborsClassifier()), FINE),
    "k_neighbors_distance": (
        scaled(neighbors.KNeighborsClassifier(weights="distance")),
        ROUGH,
    ),
    "gaussian_nb": (naive_bayes.GaussianNB(), ROUGH),
    "bernoulli_nb": (naive_bayes.BernoulliNB(binarize=3.0), ROUGH),
    "multinomial_nb": (naive_bayes.MultinomialNB(), ROUGH),
    "complement_nb": (naive_bayes.ComplementNB(), ROUGH),
    "mlp": (
        scaled(neural_network.MLPClassifier((12,), max_iter=80, random_state=SEED)),
        ROUGH,
    ),
}


def regressors() -> Iterator[Trained | Failed]:
    """Each regressor on one target, and on two where it can."""
    both = np.column_stack([DIABETES.target, 300 - DIABETES.target / 3])
    two = Table(DIABETES.train, both, DIABETES.rows)
    for kind, estimator in REGRESSORS.items():
        yield export(kind, estimator, DIABETES, None, (1e-4, 1e-3))
        if kind in TWO_TARGETS:
            yield export(f"{kind}_two_targets", estimator, two, None, (1e-4, 1e-3))


REGRESSORS = {
    "linear_regression": linear_model.LinearRegression(),
    "ridge": linear_model.Ridge(),
    "lasso": linear_model.Lasso(alpha=0.1),
    "elastic_net": linear_model.ElasticNet(alpha=0.01),
    "lars": linear_model.Lars(),
    "bayesian_ridge": linear_model.BayesianRidge(),
    "ard": linear_model.ARDRegression(),
    "huber": linear_model.HuberRegressor(max_iter=500),
    "theil_sen": linear_model.TheilSenRegressor(
        random_state=SEED, max_subpopulation=50
    ),
    "sgd_regressor": linear_model.SGDRegressor(random_state=SEED),
    "poisson": linear_model.PoissonRegressor(),
    "gamma": linear_model.GammaRegressor(),
    "tweedie": linear_model.TweedieRegressor(power=1.5),
    "quantile": linear_model.QuantileRegressor(alpha=0.01),
    "ransac": linear_model.RANSACRegressor(random_state=SEED),
    "linear_svr": svm.LinearSVR(random_state=SEED),
    "svr_rbf": scaled(svm.SVR(C=10.0)),
    "svr_poly": scaled(svm.SVR(kernel="poly")),
    "nu_svr": scaled(svm.NuSVR(C=10.0)),
    "tree_regressor": tree.DecisionTreeRegressor(max_depth=5, random_state=SEED),
    "extra_tree_regressor": tree.ExtraTreeRegressor(max_depth=5, random_state=SEED),
    "forest_regressor": ensemble.RandomForestRegressor(
        20, max_depth=6, random_state=SEED
    ),
    "extra_trees_regressor": ensemble.ExtraTreesRegressor(
        20, max_depth=6, random_state=SEED
    ),
    "boosting_regressor": ensemble.GradientBoostingRegressor(
        n_estimators=15, random_state=SEED
    ),
    "hist_boosting_regressor": ensemble.HistGradientBoostingRegressor(
        max_iter=15, random_state=SEED
    ),
    "ada_boost_regressor": ensemble.AdaBoostRegressor(
        n_estimators=10, random_state=SEED
    ),
    "bagging_regressor": ensemble.BaggingRegressor(n_estimators=5, random_state=SEED),
    "k_neighbors_regressor": scaled(neighbors.KNeighborsRegressor()),
    "k_neighbors_manhattan": scaled(neighbors.KNeighborsRegressor(p=1)),
    "k_neighbors_distance_regressor": scaled(
        neighbors.KNeighborsRegressor(weights="distance")
    ),
    "gaussian_process_regressor": scaled(
        gaussian_process.GaussianProcessRegressor(alpha=1.0, random_state=SEED)
    ),
    "mlp_regressor": scaled(
        neural_network.MLPRegressor(
            hidden_layer_sizes=(12,), max_iter=80, random_state=SEED
        )
    ),
    "mlp_regressor_tanh": scaled(
        neural_network.MLPRegressor(
            hidden_layer_sizes=(8, 4), activation="tanh", max_iter=80, random_state=SEED
        )
    ),
    "mlp_regressor_logistic": scaled(
        neural_network.MLPRegressor(
            hidden_layer_sizes=(8,),
            activation="logistic",
            max_iter=80,
            random_state=SEED,
        )
    ),
}
TWO_TARGETS = {
    "linear_regression",
    "ridge",
    "tree_regressor",
    "forest_regressor",
    "extra_trees_regressor",
    "k_neighbors_regressor",
    "mlp_regressor",
}


def outlier_detectors() -> Iterator[Trained | Failed]:
    detectors = {
        "isolation_forest": ensemble.IsolationForest(
            n_estimators=20, random_state=SEED
        ),
        "one_class_svm": scaled(svm.OneClassSVM(nu=0.1)),
        "local_outlier_factor": scaled(neighbors.LocalOutlierFactor(novelty=True)),
    }
    for kind, detector in detectors.items():
        yield export(kind, detector, WINE, None, ROUGH)


def transformers() -> Iterator[Trained | Failed]:
    for kind, transformer in TRANSFORMERS.items():
        yield export(kind, transformer, WINE, None, (1e-3, 1e-4))
    rows = with_gaps(WINE.rows)
    gaps = Table(with_gaps(WINE.train), WINE.target, rows)
    for kind, imputer in IMPUTERS.items():
        yield export(kind, imputer, gaps, None, (1e-4, 1e-5))


TRANSFORMERS = {
    "standard_scaler": preprocessing.StandardScaler(),
    "min_max_scaler": preprocessing.MinMaxScaler(),
    "min_max_scaler_clip": preprocessing.MinMaxScaler(clip=True),
    "max_abs_scaler": preprocessing.MaxAbsScaler(),
    "robust_scaler": preprocessing.RobustScaler(),
    "normalizer_l1": preprocessing.Normalizer(norm="l1"),
    "normalizer_l2": preprocessing.Normalizer(),
    "normalizer_max": preprocessing.Normalizer(norm="max"),
    "binarizer": preprocessing.Binarizer(threshold=2.0),
    "bins_one_hot": preprocessing.KBinsDiscretizer(
        4, encode="onehot-dense", quantile_method="averaged_inverted_cdf"
    ),
    "bins_ordinal": preprocessing.KBinsDiscretizer(
        4, encode="ordinal", quantile_method="averaged_inverted_cdf"
    ),
    "polynomial": preprocessing.PolynomialFeatures(2),
    "power_transformer": preprocessing.PowerTransformer(),
    "quantile_transformer": preprocessing.QuantileTransformer(
        n_quantiles=20, random_state=SEED
    ),
    "variance_threshold": feature_selection.VarianceThreshold(0.5),
    "select_k_best": feature_selection.SelectKBest(k=4),
    "pca": decomposition.PCA(4, random_state=SEED),
    "truncated_svd": decomposition.TruncatedSVD(3, random_state=SEED),
    "k_means": scaled(cluster.KMeans(4, n_init=1, random_state=SEED)),
    "mini_batch_k_means": scaled(
        cluster.MiniBatchKMeans(4, n_init=1, random_state=SEED)
    ),
}
IMPUTERS = {
    "imputer_mean": impute.SimpleImputer(),
    "imputer_median": impute.SimpleImputer(strategy="median"),
    "imputer_most_frequent": impute.SimpleImputer(strategy="most_frequent"),
    "imputer_constant": impute.SimpleImputer(strategy="constant", fill_value=-1.0),
    "imputer_neighbors": impute.KNNImputer(n_neighbors=3),
}


def other_inputs() -> Iterator[Trained | Failed]:
    """Rows of other dtypes, with gaps, and other options of the export."""
    whole = Table(
        (IRIS.train * 10).astype(np.int64),
        IRIS.target,
        (IRIS.rows * 10).astype(np.int64),
    )
    double = Table(
        CANCER.train.astype(np.float64), CANCER.target, CANCER.rows.astype(np.float64)
    )
    gaps = Table(with_gaps(CANCER.train), CANCER.target, with_gaps(CANCER.rows))
    logistic = linear_model.LogisticRegression(max_iter=2000)
    forest = ensemble.RandomForestClassifier(10, max_depth=5, random_state=SEED)
    yield export("logistic_int64", logistic, whole)
    yield export("random_forest_int64", forest, whole)
    yield export("scaled_logistic_float64", scaled(logistic), double)
    yield export("random_forest_gaps", forest, gaps)
    yield export(
        "decision_tree_gaps",
        tree.DecisionTreeClassifier(max_depth=5, random_state=SEED),
        gaps,
    )
    imputed = make_pipeline(
        impute.SimpleImputer(), preprocessing.RobustScaler(), logistic
    )
    yield export("imputed_logistic_gaps", imputed, gaps)
    zipped = {"zipmap": True}
    yield export("random_forest_zipmap", forest, IRIS_NAMES, zipped)
    yield export("random_forest_zipmap_int64", forest, IRIS, zipped)


def combinations() -> Iterator[Trained | Failed]:
    """Estimators made of estimators."""
    logistic = linear_model.LogisticRegression(max_iter=2000)
    small = tree.DecisionTreeClassifier(max_depth=4, random_state=SEED)
    bayes = naive_bayes.GaussianNB()
    parts = [("logistic", logistic), ("tree", small)]
    made = {
        "voting_soft": ensemble.VotingClassifier(
            parts, voting="soft", flatten_transform=False
        ),
        "stacking": ensemble.StackingClassifier(parts, logistic),
        "calibrated": CalibratedClassifierCV(bayes, cv=3),
        "calibrated_isotonic": CalibratedClassifierCV(bayes, cv=3, method="isotonic"),
        "one_vs_rest_tree": multiclass.OneVsRestClassifier(small),
        "one_vs_one": multiclass.OneVsOneClassifier(logistic),
    }
    for kind, estimator in made.items():
        yield export(kind, scaled(estimator), IRIS, None, ROUGH)
    linear = linear_model.LinearRegression()
    shallow = tree.DecisionTreeRegressor(max_depth=4, random_state=SEED)
    regressors = [("linear", linear), ("tree", shallow)]
    make = partial(export, data=DIABETES, options=None, tolerance=(1e-4, 1e-3))
    yield make("voting_regressor", ensemble.VotingRegressor(regressors))
    yield make("stacking_regressor", ensemble.StackingRegressor(regressors, linear))
    both = np.column_stack([DIABETES.target, DIABETES.target / 3])
    two = Table(DIABETES.train, both, DIABETES.rows)
    wrapped = multioutput.MultiOutputRegressor(shallow)
    yield export("multi_output_regressor", wrapped, two, None, (1e-4, 1e-3))
    blend = mixture.GaussianMixture(3, random_state=SEED)
    yield export("gaussian_mixture", scaled(blend), WINE, None, ROUGH)
    reduced = make_pipeline(
        preprocessing.StandardScaler(), decomposition.PCA(5), svm.SVC()
    )
    yield export("scaler_pca_svc", reduced, CANCER, None, ROUGH)
