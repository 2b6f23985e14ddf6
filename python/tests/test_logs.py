"""What models print and log, and to which run it belongs."""

from served import json_rows

MODEL = """
    import logging, os, sys, warnings

    class Model:
        def load(self):
            print("loading")
            logging.info("loaded %d", 1)
            print("to stderr", file=sys.stderr)

        def start_worker(self):
            print("started")

        def predict(self, rows):
            for row in rows:
                exec(row)
            return rows
"""


def served(load, *rows):
    worker = load(MODEL).worker()
    assert worker.stdout.record() == {"stream": "stdout", "message": "started"}
    worker.run(json_rows(list(rows)))
    return worker


def test_what_a_template_says(load):
    template = load(MODEL)
    assert template.stdout.record() == {"stream": "stdout", "message": "loading"}
    assert template.stderr.record() == {
        "level": "INFO",
        "logger": "root",
        "message": "loaded 1",
    }
    assert template.stderr.record() == {"stream": "stderr", "message": "to stderr"}


def test_each_print_is_a_record_of_its_run(load):
    worker = served(
        load, "print('a', 'b')", "print('two\\nlines')", "print('é', end='')"
    )
    for message in ("a b", "two\nlines", "é"):
        assert worker.stdout.record() == {
            "stream": "stdout",
            "message": message,
            "run": 1,
        }
    worker.run(json_rows(["sys.stdout.buffer.write(b'bytes \\xff\\n')"]))
    assert worker.stdout.record()["message"] == "bytes \ufffd"
    worker.stop()
    assert worker.stdout.rest() == ""


def test_long_messages_are_whole(load):
    worker = load(MODEL).worker()
    worker.stdout.record()
    worker.send_run(json_rows(["print('x' * 1_000_000)"]))
    assert len(worker.stdout.record()["message"]) == 1_000_000
    assert worker.receive().run == 1


def test_logging(load):
    worker = served(
        load,
        "logging.getLogger('mine').warning('careful\\n%s', 'now')",
        "logging.debug('unheard')",
        "logging.log(35, 'a level of its own')",
        "warnings.warn('old')",
    )
    assert worker.stderr.record() == {
        "level": "WARNING",
        "logger": "mine",
        "message": "careful\nnow",
        "run": 1,
    }
    assert worker.stderr.record()["level"] == "WARNING"
    record = worker.stderr.record()
    assert (record["level"], record["logger"]) == ("WARNING", "py.warnings")
    assert "UserWarning: old" in record["message"]


def test_exceptions_are_logged_with_their_traceback(load):
    row = "try:\n  1 / 0\nexcept ZeroDivisionError:\n  logging.exception('oh')"
    record = served(load, row).stderr.record()
    assert record["message"].startswith("oh\nTraceback")
    assert record["level"] == "ERROR"


def test_what_is_no_text_is_replaced(load):
    worker = served(load, "print('\\ud800 \\x1e')", "logging.info('\\ud800')")
    assert worker.stdout.record()["message"] == "\\ud800 \x1e"
    assert worker.stderr.record()["message"] == "?"


def test_a_crash_has_last_words(load):
    worker = load(MODEL).worker()
    worker.send_run(json_rows(["os.write(1, b'raw\\n')", "os.abort()"]))
    worker.stdout.record()
    assert worker.stdout.line() == "raw"
    words = worker.stderr.rest()
    assert "Fatal Python error: Aborted" in words
    assert "model.py" in words
