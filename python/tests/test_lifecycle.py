"""Templates and workers from hello to exit, and all that can end them."""

import os
import signal
from pathlib import Path

import numpy
import pytest
from served import FAILED, HEADER, RUN, json_rows, wait_for

PIDS = """
    import os, signal, sys, time

    print("imported", flush=True)

    class Model:
        def load(self):
            self.loaded_in = os.getpid()

        def start_worker(self):
            self.started_in = os.getpid()

        def predict(self, rows):
            names = {**globals(), "self": self}
            return [eval(row, names) for row in rows]

        def stop(self):
            open("stopped", "w").close()
"""


def gone(pid):
    """Waits until there is no such process."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    wait_for(descriptor)
    os.close(descriptor)


def test_hello_comes_before_the_models_code(start):
    template = start("raise RuntimeError('no')")
    assert template.hello["protocol"] == 1
    assert template.hello["pid"] == template.process.pid
    assert template.receive("failed")["kind"] == "code"


def test_workers_share_what_was_loaded_once(load):
    template = load(PIDS)
    workers = [template.worker(), template.worker()]
    for worker in workers:
        pids = ["self.loaded_in", "self.started_in", "os.getpid()"]
        assert worker.predict_rows(pids) == [
            template.process.pid,
            worker.pid,
            worker.pid,
        ]


def test_a_worker_that_is_killed_is_reported_and_replaced(load):
    template = load(PIDS)
    worker = template.worker()
    template.send({"type": "kill", "worker": worker.number})
    exited = template.receive("exited")
    assert exited == {
        "type": "exited",
        "worker": worker.number,
        "pid": worker.pid,
        "signal": 9,
    }
    assert template.worker().predict_rows(["1 + 1"]) == [2]


def test_a_kill_of_an_unknown_worker_hits_nobody(load):
    template = load(PIDS)
    template.send({"type": "kill", "worker": 99})
    assert template.worker().predict_rows(["1 + 1"]) == [2]


def test_what_a_supervisor_sends_to_all_ends_neither_template_nor_workers(load):
    template = load(PIDS)
    worker = template.worker()
    for process in ("os.getpid()", "os.getppid()"):
        assert worker.predict_rows([f"os.kill({process}, signal.SIGTERM)"]) == [None]
    # A process that the model forks ends as any other.
    status = "(lambda pid: os.waitpid(pid, 0)[1] if pid else os.kill(os.getpid(), 15))"
    assert worker.predict_rows([f"{status}(os.fork())"]) == [signal.SIGTERM]
    assert template.worker().pid != worker.pid


@pytest.mark.parametrize(
    ("row", "how"),
    [
        ("os._exit(3)", {"code": 3}),
        ("os.kill(os.getpid(), signal.SIGSEGV)", {"signal": signal.SIGSEGV}),
        ("os.kill(os.getpid(), signal.SIGABRT)", {"signal": signal.SIGABRT}),
    ],
)
def test_a_crash_is_reported(load, row, how):
    template = load(PIDS)
    worker = template.worker()
    worker.send_run(json_rows([row]))
    exited = template.receive("exited")
    assert {**how, "pid": worker.pid}.items() <= exited.items()
    wait_for(worker.channel)
    assert worker.channel.recv(1) == b""


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("sys.exit(3)", "SystemExit: 3"),
        ("(_ for _ in ()).throw(KeyboardInterrupt)", "KeyboardInterrupt"),
        ("bytearray(1 << 62)", "MemoryError"),
        ("os.kill(os.getpid(), signal.SIGINT)", None),
    ],
)
def test_exceptions_cost_the_run_and_not_the_worker(load, row, message):
    worker = load(PIDS).worker()
    frame = worker.run(json_rows([row]))
    if message is not None:
        assert frame.kind == FAILED
        assert frame.text["message"] == message
        assert "model.py" in frame.text["traceback"]
        assert "loadonce_worker" not in frame.text["traceback"]
    assert worker.predict_rows(["1 + 1"]) == [2]


def test_a_long_message_is_cut(load):
    worker = load(PIDS).worker()
    frame = worker.run(json_rows(["[].index('x' * 200_000 + str(int('\\\\n')))"]))
    assert frame.kind == FAILED
    assert frame.text["message"].startswith("ValueError")
    frame = worker.run(json_rows(["{}[chr(1) * 200_000]"]))
    assert frame.text["message"].startswith("KeyError")


@pytest.mark.parametrize("how", ["stop", "end of file"])
def test_a_worker_finishes(load, how, tmp_path):
    template = load(PIDS)
    worker = template.worker()
    if how == "stop":
        worker.stop()
    else:
        worker.channel.close()
    assert template.receive("exited")["code"] == 0
    assert (tmp_path / "stopped").exists()


def test_a_worker_whose_answer_nobody_wants_finishes(load, tmp_path):
    template = load(PIDS)
    worker = template.worker()
    (tmp_path / "gate").mkdir()
    worker.send_run(
        json_rows(
            ["[time.sleep(0.001) for _ in iter(lambda: os.path.exists('gate'), 0)]"]
        )
    )
    worker.channel.close()
    (tmp_path / "gate").rmdir()
    assert template.receive("exited")["code"] == 0
    assert (tmp_path / "stopped").exists()
    assert worker.stderr.rest() == ""


def test_a_worker_answers_what_came_before_the_stop(load):
    worker = load(PIDS).worker()
    worker.send_run(json_rows(["1 + 1"]))
    worker.stop()
    assert worker.receive().arrays[0].tolist() == [b"2"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"x",
        b"\xff" * 200,
        HEADER.pack(99, 0, 0, 16, 1),
        HEADER.pack(RUN, 0, 1, 16, 1),
        HEADER.pack(RUN, 0, 1, 10_000, 1),
        HEADER.pack(RUN, 0, 1, 40, 1) + b"\xff" * 24,
        HEADER.pack(RUN, 0, 0, 16, 1),
    ],
)
def test_garbage_ends_the_worker_in_words(load, garbage):
    template = load(PIDS)
    worker = template.worker()
    worker.channel.send(garbage)
    assert template.receive("exited")["code"] == 1
    text = ""
    while "FrameError" not in text:
        text = worker.stderr.line()
    assert template.worker().predict_rows(["1 + 1"]) == [2]


def test_a_fork_that_fails_is_a_worker_that_ended(load):
    source = """
        import os

        class Model:
            def load(self):
                fork = os.fork

                def full():
                    os.fork = fork
                    raise BlockingIOError("no process is left")

                os.fork = full

            def predict(self, rows):
                return rows
    """
    template = load(source)
    with pytest.raises(AssertionError, match=r"'exited'.*'code': 1"):
        template.fork()
    assert "no process is left" in template.stderr.record()["message"]
    assert template.worker().predict_rows([1]) == [1]


def test_stop_waits_for_workers(load):
    template = load(PIDS)
    worker = template.worker()
    worker.channel.close()
    assert template.stop() == 0
    gone(worker.pid)


def test_workers_die_with_the_server(load):
    template = load(PIDS)
    worker = template.worker()
    worker.send_run(json_rows(["time.sleep(1000)"]))
    template.control.close()
    assert template.exit_status() == 0
    gone(worker.pid)


def test_workers_die_with_the_template(load):
    template = load(PIDS)
    worker = template.worker()
    worker.send_run(json_rows(["time.sleep(1000)"]))
    template.kill()
    gone(worker.pid)


def test_workers_have_no_descriptors_of_the_template(load):
    template = load(PIDS)
    # Held, since a worker ends with its channel, which the template would tell.
    earlier = template.worker()
    listing = "sorted(os.readlink(f'/proc/self/fd/{fd}') for fd in range(3, 64)"
    listing += " if os.path.lexists(f'/proc/self/fd/{fd}'))"
    (links,) = template.worker().predict_rows([listing])
    # Its channel and its arena.
    kinds = [link.partition(":")[0] for link in links]
    assert kinds == ["/memfd", "socket"], links
    assert earlier.pid


def test_budget_and_priority(load):
    worker = load(PIDS).worker(threads=3, nice=5)
    rows = [
        "os.environ['OMP_NUM_THREADS']",
        "os.nice(0)",
        "int(open('/proc/self/oom_score_adj').read())",
    ]
    own = int(Path("/proc/self/oom_score_adj").read_text())
    nice = os.nice(0)
    assert worker.predict_rows(rows) == ["3", nice + 5, min(own + 200, 1000)]


def test_workers_have_random_numbers_of_their_own(load):
    source = "    import random, numpy" + PIDS
    template = load(source)
    rows = ["random.random()", "float(numpy.random.rand())"]
    first, second = (template.worker().predict_rows(rows) for _ in range(2))
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_what_start_worker_raises_is_reported(load):
    template = load(PIDS.replace("self.started_in = os.getpid()", "open('absent')"))
    worker = template.fork()
    frame = worker.receive()
    assert frame.kind == FAILED
    assert frame.text["kind"] == "not_found"
    assert "'absent'" in frame.text["message"]
    assert template.receive("exited")["code"] == 1


def test_without_preload_each_worker_loads_for_itself(load):
    template = load(PIDS, preload=False)
    assert template.loaded == {"type": "loaded", "form": "deferred"}
    for _ in range(2):
        worker = template.fork(threads=2)
        assert worker.ready()["loaded"]["form"] == "rows"
        rows = ["self.loaded_in", "os.environ['OMP_NUM_THREADS']"]
        assert worker.predict_rows(rows) == [worker.pid, "2"]


def test_without_preload_a_worker_reports_what_load_raised(load):
    source = PIDS.replace("self.loaded_in = os.getpid()", "import absent_module")
    template = load(source, preload=False)
    frame = template.fork().receive()
    assert frame.kind == FAILED
    assert frame.text["kind"] == "missing_module"
    assert template.receive("exited")["code"] == 1


@pytest.mark.parametrize(
    ("load_body", "kind", "message"),
    [
        ("open('weights.bin')", "not_found", "weights.bin"),
        ("import absent_module", "missing_module", "absent_module"),
        ("raise ValueError('a\\nb')", "code", "ValueError: a b"),
        ("sys.exit(0)", "code", "SystemExit: 0"),
        ("raise KeyboardInterrupt", "code", "KeyboardInterrupt"),
        ("import pickle; pickle.loads(b'x')", "corrupt", "UnpicklingError"),
    ],
)
def test_load_fails(start, load_body, kind, message):
    template = start(PIDS.replace("self.loaded_in = os.getpid()", load_body))
    failed = template.receive("failed")
    assert failed["kind"] == kind
    assert message in failed["message"]
    assert "in load" in failed["traceback"]
    assert template.exit_status() == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1", "no class in model.py has a method predict()"),
        (
            "class A:\n  def predict(self, rows): ...\nclass B(A): ...",
            "several classes with predict(): A, B; name the one to serve Model",
        ),
        ("class Model:\n  async def predict(self, rows): ...", "is async"),
        (
            "class Model:\n  inputs = {'x': ('FP32', (-1,))}\n"
            "  def predict(self, inputs): ...",
            "class Model in model.py declares inputs and no outputs",
        ),
        (
            "class Model:\n  inputs = outputs = {'x': ('FLOAT', (-1,))}\n"
            "  def predict(self, inputs): ...",
            "inputs of class Model in model.py: 'x' has the datatype 'FLOAT', which",
        ),
        (
            "class Model:\n  inputs = outputs = {'x': ('FP32', 'abc')}\n"
            "  def predict(self, inputs): ...",
            "'x' has the shape 'abc', which must be",
        ),
    ],
)
def test_models_that_are_none(start, source, message):
    failed = start(source).receive("failed")
    assert failed["kind"] == "configuration"
    assert message in failed["message"]
    assert failed["traceback"] == ""


def test_the_only_class_is_the_model(load):
    source = "import collections\n" + PIDS.replace("\n    ", "\n")
    template = load(source.replace("class Model", "class Anything"))
    assert template.loaded["model"] == "class Anything in model.py"


def test_the_folder_of_the_model_can_be_imported_and_stays_clean(load, tmp_path):
    (tmp_path / "helper.py").write_text("VALUE = 7")
    # Files there do not stand in for modules that the package itself imports.
    (tmp_path / "selectors.py").write_text("raise RuntimeError")
    (tmp_path / "select.py").write_text("raise RuntimeError")
    template = load("    import helper" + PIDS)
    assert template.worker().predict_rows(["helper.VALUE"]) == [7]
    assert not (tmp_path / "__pycache__").exists()


def test_arrays_of_numpy_are_shared_after_the_fork(load):
    template = load(
        """
        import numpy

        class Model:
            inputs = {"x": ("FP64", (-1,))}
            outputs = {"y": ("FP64", (-1,))}

            def load(self):
                self.weights = numpy.ones(1_000_000)

            def predict(self, inputs):
                return inputs["x"] * self.weights.sum()
        """
    )
    worker = template.worker()
    (y,) = worker.predict(numpy.array([2.0]))
    assert y == 2_000_000.0
    fields = Path(f"/proc/{worker.pid}/smaps_rollup").read_text().split("\n")
    private = next(line for line in fields if line.startswith("Private_Dirty:"))
    assert int(private.split()[1]) < 8_000


def test_a_signature_too_large_to_be_told_is_told_without_its_columns(load):
    x = {"name": "x", "datatype": "FP32", "shape": [-1, 10_000]}
    source = f"""
    class Model:
        columns = ["a long name of a column " + str(i) for i in range(10_000)]
        inputs = [{{**{x}, "columns": columns}}]
        outputs = {{"y": ("FP32", (-1,))}}

        def predict(self, inputs):
            return inputs["x"].sum(axis=1)
    """
    for preload in (True, False):
        template = load(source, preload=preload)
        worker = template.fork()
        loaded = worker.ready().get("loaded", template.loaded)
        assert loaded["inputs"] == [x]


def test_a_model_may_put_something_else_in_place_of_standard_output(load):
    worker = load(PIDS).worker()
    worker.predict_rows(["setattr(sys, 'stdout', None)", "sys.stderr.close()"])
    assert worker.predict_rows(["1 + 1"]) == [2]
    worker.stop()
