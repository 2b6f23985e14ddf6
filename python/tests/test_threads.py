"""Thread pools: one thread in a template, a budget in a worker."""

POOLS = """
    import os
    import numpy, threadpoolctl
    from sklearn.ensemble import HistGradientBoostingClassifier

    def threads():
        return {pool["user_api"]: pool["num_threads"]
                for pool in threadpoolctl.threadpool_info()}

    class Model:
        def load(self):
            x = numpy.random.default_rng(0).random((500, 4))
            # OpenMP, which two threads in a template would hang for ever.
            self.model = HistGradientBoostingClassifier(max_iter=3)
            self.model.fit(x, x[:, 0] > 0.5)
            self.x = x
            self.in_template = threads()

        def predict(self, rows):
            self.model.predict(self.x)
            return [[self.in_template, threads(), os.environ["OMP_NUM_THREADS"]]]
"""


def test_pools_of_a_template_and_a_worker(load):
    template = load(POOLS)
    assert template.loaded["threads"] == 1
    for budget in (1, 2):
        worker = template.worker(threads=budget)
        ((before, after, variable),) = worker.predict_rows([0])
        assert before["openmp"] == before["blas"] == 1
        assert after["openmp"] == after["blas"] == budget
        assert variable == str(budget)


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
