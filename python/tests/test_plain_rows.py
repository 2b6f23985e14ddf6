"""Models of rows without types: JSON values in, JSON values out."""

import textwrap

import pytest
from numpy import array
from served import FAILED, REFUSED, json_rows, tensor

LENGTHS = """
    class Model:
        def predict(self, rows):
            return [len(row) for row in rows]
"""


def plain(returned):
    return LENGTHS.replace("[len(row) for row in rows]", returned)


def test_rows_are_json_values(load):
    template = load(plain("rows"))
    assert template.loaded["form"] == "rows"
    assert template.loaded["inputs"] == [
        {"name": "rows", "datatype": "BYTES", "shape": [-1], "json": True}
    ]
    rows = [{"a": [1, 2.5, None]}, "café", 2**64 - 1, True, [], 0.1]
    assert template.worker().predict_rows(rows) == rows


def test_no_row_is_no_result(load):
    assert load(LENGTHS).worker().predict_rows([]) == []


def test_large_rows(load):
    rows = ["x" * 50_000, "y" * 50_000]
    assert load(plain("rows")).worker().predict_rows(rows) == rows


def test_a_model_of_rows_imports_no_numpy(load):
    source = "import sys\n" + LENGTHS.replace("len(row)", "'numpy' in sys.modules")
    assert load(source.replace("\n    ", "\n")).worker().predict_rows([1]) == [False]


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("numpy.arange(2)", [0, 1]),
        ("numpy.eye(2)", [[1.0, 0.0], [0.0, 1.0]]),
        ("[numpy.int64(2**53 + 1), numpy.float32(0.5)]", [2**53 + 1, 0.5]),
        (
            "[{'a': numpy.arange(2)}, (1, numpy.bool_(True))]",
            [{"a": [0, 1]}, [1, True]],
        ),
    ],
)
def test_numpy_becomes_json(load, returned, expected):
    template = load("    import numpy\n" + plain(returned).lstrip("\n"))
    assert template.worker().predict_rows([1, 2]) == expected


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("[1, 2, 3]", "predict returned 3 results for 2 rows"),
        ("{'a': 1}", "predict returned a dict, expected a list"),
        ("None", "predict returned a NoneType, expected a list"),
        (
            "[1.0, float('nan')]",
            "the result of row 1: expected a finite number, got na",
        ),
        ("[{'a': [0, float('inf')]}, 1]", "row 0: .a[1]: expected a finite number"),
        ("[1, numpy.array([[0, numpy.nan]])]", "row 1: [0][1]: expected a finite"),
        (
            "[{'a': 'x\\ud800'}, 1]",
            "row 0: .a: expected whole characters, got '\\ud800'",
        ),
        ("[1, {'\\udfff': 1}]", "row 1: .?: expected whole characters"),
        ("[1, {'a': ({1},)}]", "the result of row 1: .a[0]: a set is not JSON"),
        ("[1, {(1, 2): 3}]", "the result of row 1: keys must be str"),
        ("[1, circle]", "the result of row 1: Circular reference detected"),
        ("[{1, 2}, 1]", "the result of row 0: a set is not JSON"),
        ("['x' * 2_000_000, 1]", "of JSON, and a worker's arena has room for 1048576"),
    ],
)
def test_answers_that_are_none(load, returned, message):
    source = "import numpy\ncircle = []\ncircle.append(circle)\n"
    worker = load(source + textwrap.dedent(plain(returned))).worker()
    for _ in range(2):
        frame = worker.run(json_rows([1, 2]))
        assert frame.kind == FAILED
        assert message in frame.text["message"]


@pytest.mark.parametrize(
    ("row", "path", "message"),
    [
        ("1e400", "", "expected a finite number, got inf"),
        ('{"a": [1, {"b": -1e400}]}', ".a[1].b", "expected a finite number, got -inf"),
        (r'["\ud83d\ude00", "\ud83d"]', "[1]", r"whole characters, got '\ud83d'"),
        (r'{"a": "\\ud83d\ude00"}', ".a", r"whole characters, got '\ude00'"),
        (r'{"\udfff": 1}', ".?", r"whole characters, got '\udfff'"),
    ],
)
def test_what_python_cannot_hold_is_the_callers_fault(load, row, path, message):
    worker = load(plain("rows")).worker()
    frame = worker.run(tensor(array([b"1", row.encode(), None], object)[:-1]))
    assert frame.kind == REFUSED
    (one,) = frame.text["rows"]
    assert (one["row"], one["path"]) == (1, path)
    assert message in one["message"]
    assert frame.text["message"].startswith("1 of 2 rows are not what the model takes")


def test_escaped_text_is_read(load):
    worker = load(plain("rows")).worker()
    # As clients write it that escape all but ASCII, and a text about escapes.
    rows = ["caf\u00e9 \U0001f600", "\\ud800", 1e308, -1.5e-400]
    assert worker.predict_rows(rows) == rows
