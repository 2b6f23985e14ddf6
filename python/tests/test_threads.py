"""Thread pools: one thread in a template, a budget in a worker."""

import os
import signal
from pathlib import Path

import joblib
import numpy
import pytest
from lightgbm import LGBMClassifier
from xgboost import XGBClassifier

POOLS = """
    import os
    import numpy, threadpoolctl

    X = numpy.random.default_rng(0).random((2000, 10))
    Y = X[:, 0] > 0.5

    class Model:
        def load(self):
            self.make()
            self.right = self.run()

        def predict(self, rows):
            right = bool(numpy.allclose(self.run(), self.right))
            pools = threadpoolctl.threadpool_info()
            threads = {pool["num_threads"] for pool in pools}
            tasks = len(os.listdir("/proc/self/task"))
            return [[right, list(threads), tasks, os.environ["OMP_NUM_THREADS"]]]
"""
# Beside each, the pools that have a thread of their own: those of OpenMP start it when
# they are used, OpenBLAS at once; numpy's is one, and scipy's another.
LIBRARIES = {
    "numpy": (
        """
        def make(self):
            self.matrix = numpy.random.default_rng(0).random((500, 500))

        def run(self):
            return self.matrix @ self.matrix
        """,
        1,
    ),
    "scikit-learn": (
        """
        def make(self):
            from sklearn.ensemble import HistGradientBoostingClassifier
            self.model = HistGradientBoostingClassifier(max_iter=3).fit(X, Y)

        def run(self):
            return self.model.predict_proba(X)
        """,
        3,
    ),
    "XGBoost": (
        """
        def make(self):
            import xgboost
            self.model = xgboost.XGBClassifier(n_estimators=3).fit(X, Y)

        def run(self):
            return self.model.predict_proba(X)
        """,
        3,
    ),
    "LightGBM": (
        """
        def make(self):
            import lightgbm
            data = lightgbm.Dataset(X, Y)
            self.model = lightgbm.train({"verbose": -1}, data, 3)

        def run(self):
            return self.model.predict(X)
        """,
        3,
    ),
}


@pytest.mark.parametrize(("methods", "pools"), LIBRARIES.values(), ids=LIBRARIES.keys())
def test_a_run_has_the_threads_of_its_budget(load, methods, pools):
    template = load(POOLS + methods)
    assert template.loaded["threads"] == 1
    for budget in (1, 2):
        worker = template.worker(threads=budget)
        for _ in range(2):
            (answer,) = worker.predict_rows([0])
        assert answer == [True, [budget], 1 + pools * (budget - 1), str(budget)]


@pytest.mark.parametrize("kind", [LGBMClassifier, XGBClassifier])
@pytest.mark.parametrize("jobs", [None, 2])
def test_pickled_boosters_have_the_threads_of_a_run(load, tmp_path, kind, jobs):
    x = numpy.random.default_rng(0).random((2000, 10))
    model = kind(n_estimators=3, n_jobs=jobs).fit(x, x[:, 0] > 0.5)
    joblib.dump(model, tmp_path / "model.joblib")
    template = load(tmp_path / "model.joblib")
    assert template.loaded["threads"] == 1
    for budget in (1, 2):
        worker = template.worker(threads=budget)
        for _ in range(2):
            _, probabilities = worker.predict(x)
        assert (probabilities == model.predict_proba(x)).all()
        tasks = list(Path(f"/proc/{worker.pid}/task").iterdir())
        assert len(tasks) == 1 + 3 * (budget - 1)


def test_a_worker_in_the_place_of_one_with_threads(load):
    methods, _ = LIBRARIES["scikit-learn"]
    template = load(POOLS + methods)
    for _ in range(3):
        worker = template.worker(threads=2)
        assert worker.predict_rows([0])[0][0]
        os.kill(worker.pid, signal.SIGKILL)
        assert template.receive("exited")["signal"] == signal.SIGKILL


def test_threads_of_load_are_counted(load):
    template = load(
        """
        import threading

        class Model:
            def load(self):
                self.end = threading.Event()
                threading.Thread(target=self.end.wait, daemon=True).start()

            def predict(self, rows):
                return rows
        """
    )
    assert template.loaded["threads"] == 2


def test_environment_of_load(load):
    template = load(
        """
        import os

        COPY = dict(os.environ)

        class Model:
            def predict(self, rows):
                return [COPY.get(row) for row in rows]
        """,
    )
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]
    names += ["NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT", "BLIS_NUM_THREADS"]
    assert template.worker().predict_rows(names) == ["1"] * len(names)
    worker = template.worker()
    assert worker.predict_rows(["TOKENIZERS_PARALLELISM"]) == ["false"]


@pytest.mark.parametrize("said", [None, "ACTIVE"])
def test_idle_threads_sleep_unless_the_user_has_said_something(load, monkeypatch, said):
    if said is not None:
        monkeypatch.setenv("OMP_WAIT_POLICY", said)
    source = "import os\nSAID = os.environ['OMP_WAIT_POLICY']\nclass Model:\n"
    worker = load(source + "  def predict(self, rows): return [SAID]").worker()
    assert worker.predict_rows([0]) == [said or "PASSIVE"]
