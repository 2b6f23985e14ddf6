"""Whole estimators whose exports stand on plain operators, trained by scikit-learn.

Absent are those that skl2onnx 1.20 cannot export so that onnxruntime runs them:
HistGradientBoosting, Gaussian process classifiers, chains, kernel approximations, and
voting, boosting or bagging of regressors on float64.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.cross_decomposition import PLSRegression
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.decomposition import PCA, IncrementalPCA, KernelPCA, TruncatedSVD
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    IsolationForest,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessRegressor, kernels
from sklearn.linear_model import (
    GammaRegressor,
    LogisticRegression,
    Perceptron,
    PoissonRegressor,
    RANSACRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDOneClassSVM,
    TweedieRegressor,
)
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    RadiusNeighborsClassifier,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .casebook import ROWS, Case, CaseMaker, Tolerance

SEED = 5
TYPES = {np.float32: FloatTensorType, np.float64: DoubleTensorType}
# Sums and exponentials of single precision, in another order.
ROUNDED = Tolerance(absolute=1e-5, relative=1e-4)
# Distances are differences of nearly equal numbers, in single precision.
DISTANT = Tolerance(absolute=2e-3, relative=1e-3)

IRIS = load_iris()
SPECIES = IRIS.target_names[IRIS.target]
CANCER = load_breast_cancer()
DIABETES = load_diabetes()
HEALTH = StandardScaler().fit_transform(DIABETES.data)
TOO_FEW = {"": 18, "ai.onnx.ml": 3}


def logistic() -> LogisticRegression:
    return LogisticRegression(max_iter=1000)


def stump() -> DecisionTreeClassifier:
    return DecisionTreeClassifier(max_depth=3, random_state=SEED)


def classifiers() -> Iterator[Case]:
    """Each on two classes with numbers and on three with texts as labels."""
    for name, untrained in classifiers_by_name().items():
        yield estimator(f"{name}_binary", untrained, CANCER.data[:, :8], CANCER.target)
        yield estimator(f"{name}_multiclass", untrained, IRIS.data, SPECIES)


def classifiers_by_name() -> dict[str, BaseEstimator]:
    return {
        "gaussian_nb": GaussianNB(),
        "bernoulli_nb": BernoulliNB(binarize=2.0),
        "multinomial_nb": MultinomialNB(),
        "complement_nb": ComplementNB(),
        "mlp": MLPClassifier((20, 10), max_iter=400, random_state=SEED),
        "mlp_tanh": MLPClassifier((9,), "tanh", max_iter=400, random_state=SEED),
        "mlp_logistic": MLPClassifier((9,), "logistic", max_iter=99, random_state=SEED),
        "lda": LinearDiscriminantAnalysis(),
        "voting_soft": VotingClassifier(
            [("a", logistic()), ("b", stump())],
            voting="soft",
            weights=np.array([1, 2]),
            flatten_transform=False,
        ),
        "voting_hard": VotingClassifier(
            [("a", logistic()), ("b", stump()), ("c", GaussianNB())],
            flatten_transform=False,
        ),
        "stacking": StackingClassifier([("a", logistic()), ("b", stump())]),
        "calibrated": CalibratedClassifierCV(logistic()),
        "calibrated_isotonic": CalibratedClassifierCV(GaussianNB(), method="isotonic"),
        "bagging": BaggingClassifier(random_state=SEED),
        "bagging_of_features": BaggingClassifier(
            logistic(), max_features=0.5, random_state=SEED
        ),
        "ada_boost": AdaBoostClassifier(n_estimators=10, random_state=SEED),
        "one_vs_rest": OneVsRestClassifier(logistic()),
        "sgd_log": SGDClassifier(loss="log_loss", random_state=SEED),
        "sgd_hinge": SGDClassifier(random_state=SEED),
        "sgd_huber": SGDClassifier(loss="modified_huber", random_state=SEED),
        "perceptron": Perceptron(random_state=SEED),
        "ridge_classifier": RidgeClassifier(),
    }


def neighbours() -> Iterator[Case]:
    """With Scan, and with CDist of com.microsoft on request; few points are as far."""
    flowers, samples = IRIS.data + NOISE[: len(IRIS.data), :4], CANCER.data[:, :8]
    for weights in ("uniform", "distance"):
        untrained = KNeighborsClassifier(weights=weights)
        yield estimator(f"knn_{weights}_binary", untrained, samples, CANCER.target)
        yield estimator(f"knn_{weights}_multiclass", untrained, flowers, SPECIES)
        regressor = KNeighborsRegressor(weights=weights)
        yield estimator(f"knn_{weights}", regressor, HEALTH, DIABETES.target)
    both = np.column_stack([DIABETES.target, -DIABETES.target])
    yield estimator("knn_two_targets", KNeighborsRegressor(), HEALTH, both)
    manhattan = KNeighborsClassifier(p=1)
    yield estimator("knn_manhattan", manhattan, flowers, SPECIES)
    distances = {"options": {KNeighborsClassifier: {"optim": "cdist"}}}
    untrained = KNeighborsClassifier()
    yield estimator("knn_cdist", untrained, flowers, SPECIES, **distances)
    radius = RadiusNeighborsClassifier(3000.0)
    yield estimator("radius_neighbours", radius, samples, CANCER.target)
    outliers = LocalOutlierFactor(novelty=True)
    yield estimator("local_outlier_factor", outliers, flowers, tolerance=DISTANT)


NOISE = np.random.default_rng(SEED).normal(scale=1e-2, size=(ROWS * 8, 8))


def quadratic() -> Iterator[Case]:
    untrained = QuadraticDiscriminantAnalysis()
    yield estimator("qda", untrained, IRIS.data, SPECIES, target_opset=TOO_FEW)
    ovo = OneVsOneClassifier(logistic())
    yield estimator("one_vs_one", ovo, CANCER.data[:, :8], CANCER.target)


def regressors() -> Iterator[Case]:
    trees = [("a", Ridge()), ("b", DecisionTreeRegressor(max_depth=3))]
    mlp = MLPRegressor(hidden_layer_sizes=(20,), max_iter=200, random_state=SEED)
    by_name = {
        "mlp_regressor": mlp,
        "ada_boost_regressor": AdaBoostRegressor(n_estimators=10, random_state=SEED),
        "bagging_regressor": BaggingRegressor(random_state=SEED),
        "voting_regressor": VotingRegressor(trees),
        "stacking_regressor": StackingRegressor(trees),
        "poisson": PoissonRegressor(),
        "gamma": GammaRegressor(),
        "tweedie": TweedieRegressor(power=1.5),
        "pls": PLSRegression(2),
        "ransac": RANSACRegressor(random_state=SEED),
        "pca_ridge": make_pipeline(PCA(3), Ridge()),
        "polynomial_ridge": make_pipeline(PolynomialFeatures(3), Ridge()),
    }
    for name, untrained in by_name.items():
        yield estimator(name, untrained, HEALTH, DIABETES.target)
    both = np.column_stack([DIABETES.target, -DIABETES.target])
    several = MultiOutputRegressor(Ridge())
    yield estimator("multi_output_regressor", several, HEALTH, both)
    yield estimator("mlp_two_targets", mlp, HEALTH, both)
    for name in ("mlp_regressor", "poisson", "pls", "pca_ridge"):
        wide = f"{name}_float64"
        yield estimator(wide, by_name[name], HEALTH, DIABETES.target, np.float64)


def gaussian_processes() -> Iterator[Case]:
    """Each kernel, with the standard deviation and without."""
    by_name = {
        "rbf": kernels.RBF(2.0),
        "scaled_rbf": kernels.ConstantKernel(2.0) * kernels.RBF(2.0),
        "rational_quadratic": kernels.RationalQuadratic(),
        "periodic": kernels.ExpSineSquared(4.0, 5.0),
        "dot_product": kernels.DotProduct(),
        "white": kernels.RBF(2.0) + kernels.WhiteKernel(0.5),
    }
    data, target = HEALTH[:100], DIABETES.target[:100]
    for name, kernel in by_name.items():
        # Enough noise to make every kernel's matrix invertible.
        untrained = GaussianProcessRegressor(kernel, alpha=100.0, optimizer=None)
        case = f"gaussian_process_{name}"
        yield estimator(case, untrained, data, target, np.float64)
        deviation = {"options": {GaussianProcessRegressor: {"return_std": True}}}
        yield estimator(
            f"{case}_deviation", untrained, data, target, np.float64, **deviation
        )


def without_a_target() -> Iterator[Case]:
    shapes = ["full", "tied", "diag", "spherical"]
    mixtures = {
        f"mixture_{shape}": GaussianMixture(2, covariance_type=shape, random_state=SEED)
        for shape in shapes
    }
    by_name = {
        **mixtures,
        "bayesian_mixture": BayesianGaussianMixture(n_components=2, random_state=SEED),
        "isolation_forest": IsolationForest(n_estimators=20, random_state=SEED),
        "sgd_one_class": SGDOneClassSVM(random_state=SEED),
        "pca": PCA(2),
        "pca_whitened": PCA(2, whiten=True),
        "incremental_pca": IncrementalPCA(2),
        "truncated_svd": TruncatedSVD(2, random_state=SEED),
        "kernel_pca": KernelPCA(2),
        "kernel_pca_rbf": KernelPCA(2, kernel="rbf"),
        "kernel_pca_poly": KernelPCA(2, kernel="poly"),
        "min_max": MinMaxScaler(),
        "min_max_clipped": MinMaxScaler(clip=True),
        "power": PowerTransformer(),
        "quantile": QuantileTransformer(n_quantiles=20),
        "polynomial": PolynomialFeatures(),
        "interactions": PolynomialFeatures(3, interaction_only=True),
        "bins": KBinsDiscretizer(4, encode="ordinal"),
        "bins_one_hot": KBinsDiscretizer(4, encode="onehot-dense"),
    }
    for name, untrained in by_name.items():
        options = {"target_opset": TOO_FEW} if name == "isolation_forest" else {}
        yield estimator(name, untrained, IRIS.data, **options)
    clusters = {"k_means": KMeans(3), "mini_batch_k_means": MiniBatchKMeans(3)}
    for name, untrained in clusters.items():
        untrained.set_params(random_state=SEED)
        yield estimator(name, untrained, IRIS.data, tolerance=DISTANT)
        yield estimator(f"{name}_float64", untrained, IRIS.data, dtype=np.float64)


def pipelines() -> Iterator[Case]:
    bins = KBinsDiscretizer(5, encode="ordinal")
    union = FeatureUnion([("pca", PCA(2)), ("scaled", MinMaxScaler())])
    preparations = {
        "min_max": MinMaxScaler(),
        "pca": PCA(2),
        "power": PowerTransformer(),
        "quantile": QuantileTransformer(n_quantiles=20),
        "k_best": SelectKBest(k=2),
        "union": union,
        "polynomial": make_pipeline(StandardScaler(), PolynomialFeatures(2)),
    }
    for name, preparation in preparations.items():
        pipeline = make_pipeline(preparation, logistic())
        yield estimator(f"{name}_logistic", pipeline, IRIS.data, SPECIES)
    categories = make_pipeline(bins, CategoricalNB(min_categories=5))
    yield estimator("bins_categorical_nb", categories, IRIS.data, SPECIES)


def opsets() -> Iterator[Case]:
    """Operators have other forms in other sets."""
    by_name = {
        "knn": KNeighborsRegressor(),
        "gaussian_nb": GaussianNB(),
        "mlp": MLPClassifier((9,), max_iter=99, random_state=SEED),
        "ada_boost": AdaBoostClassifier(n_estimators=5, random_state=SEED),
        "bagging": BaggingClassifier(random_state=SEED),
    }
    for name, untrained in by_name.items():
        for opset in (9, 11, 12, 13, 21):
            target_opset = {"": opset, "ai.onnx.ml": 1}
            case = f"{name}_opset_{opset}"
            data = IRIS.data + NOISE[: len(IRIS.data), :4]
            yield estimator(
                case, untrained, data, IRIS.target, target_opset=target_opset
            )


def estimator(
    name: str,
    untrained: BaseEstimator,
    data: np.ndarray,
    target: np.ndarray | None = None,
    dtype: Any = np.float32,
    tolerance: Tolerance = ROUNDED,
    **options: Any,
) -> Case:
    """A case of a model trained on this data and asked about rows spread over it."""
    data = data.astype(dtype)
    model = untrained.fit(data) if target is None else untrained.fit(data, target)
    if kinds := options.get("options"):
        # skl2onnx takes options by the trained object or its class.
        options["options"] = {id(model): next(iter(kinds.values()))}
    inputs = [("X", TYPES[dtype]([None, data.shape[1]]))]
    exported = to_onnx(model, initial_types=inputs, name=name, **options)
    rows = data[:: len(data) // ROWS][:ROWS]
    return Case(f"estimator_{name}", exported, {"X": rows}, tolerance)


CASES: list[CaseMaker] = [
    classifiers,
    neighbours,
    quadratic,
    regressors,
    gaussian_processes,
    without_a_target,
    pipelines,
    opsets,
]
