"""Models of rows with types: pydantic, dataclasses and TypedDicts."""

import sys

import pytest
from served import ANSWER, FAILED, REFUSED, json_rows

PYDANTIC = """
    from __future__ import annotations
    import math
    from typing import Optional
    from pydantic import BaseModel, Field

    class Flower(BaseModel):
        petal_length: float = Field(gt=0)
        tags: list[str] = []

    class Species(BaseModel):
        name: str
        score: Optional[float] = None

    class Model:
        def predict(self, rows: list[Flower]) -> list[Species]:
            return [Species(name=",".join(r.tags), score=r.petal_length) for r in rows]
"""

DATACLASSES = """
    from __future__ import annotations
    import math
    from dataclasses import dataclass, field
    from typing import Optional

    @dataclass
    class Flower:
        petal_length: float
        tags: list[str] = field(default_factory=list)

        def __post_init__(self):
            assert self.petal_length > 0, "petals have a length"

    @dataclass
    class Species:
        name: str
        score: Optional[float] = None

    class Model:
        def predict(self, rows: list[Flower]) -> list[Species]:
            return [Species(name=",".join(r.tags), score=r.petal_length) for r in rows]
"""

TYPED_DICTS = """
    from __future__ import annotations
    import math
    from typing import Optional, TypedDict

    class Petal(TypedDict):
        petal_length: float

    class Flower(Petal, total=False):
        tags: list[str]

    class Species(TypedDict):
        name: str
        score: Optional[float]

    class Model:
        def predict(self, rows: list[Flower]) -> list[Species]:
            return [
                Species(name=",".join(r.get("tags", [])), score=r["petal_length"])
                for r in rows
            ]
"""

# The same as in an interpreter that has no pydantic.
WITHOUT = "    from __future__ import annotations\n    import sys\n"
WITHOUT += "    sys.modules['pydantic'] = None\n"


def without_pydantic(source):
    return WITHOUT + source.replace("    from __future__ import annotations\n", "")


EVERY = {
    "pydantic": PYDANTIC,
    "dataclasses": DATACLASSES,
    "typed dicts": TYPED_DICTS,
    "dataclasses without pydantic": without_pydantic(DATACLASSES),
    "typed dicts without pydantic": without_pydantic(TYPED_DICTS),
}
every = pytest.mark.parametrize("source", EVERY.values(), ids=EVERY.keys())


@every
def test_rows_have_their_types(load, source):
    worker = load(source).worker()
    rows = [{"petal_length": 1.5, "tags": ["a", "é"]}, {"petal_length": 2}]
    assert worker.predict_rows(rows) == [
        {"name": "a,é", "score": 1.5},
        {"name": "", "score": 2.0},
    ]


@every
def test_schemas_are_told(load, source):
    loaded = load(source).loaded
    (row,), (result,) = loaded["inputs"], loaded["outputs"]
    assert (row["name"], result["name"]) == ("rows", "predictions")
    assert row["json"] and result["json"]
    assert row["schema"]["properties"]["petal_length"]["type"] == "number"
    assert row["schema"]["properties"]["tags"]["items"] == {"type": "string"}
    assert row["schema"]["required"] == ["petal_length"]
    assert result["schema"]["properties"]["name"]["type"] == "string"


@every
def test_every_wrong_field_is_named(load, source):
    worker = load(source).worker()
    rows = [
        {"petal_length": 1.5},
        {"tags": ["a"]},
        {"petal_length": "long", "tags": ["a", "b", 3]},
        7,
    ]
    frame = worker.run(json_rows(rows))
    assert frame.kind == REFUSED
    assert [(one["row"], one["path"]) for one in frame.text["rows"]] == [
        (1, ".petal_length"),
        (2, ".petal_length"),
        (2, ".tags[2]"),
        (3, ""),
    ]
    assert frame.text["rows"][0]["message"] == "Field required"
    assert frame.text["rows"][2]["message"] == "Input should be a valid string"
    assert frame.text["message"] == (
        "3 of 4 rows are not what the model takes; row 1, .petal_length: Field required"
    )
    assert worker.predict_rows([{"petal_length": 1}])


@every
def test_mistakes_are_bounded(load, source):
    frame = load(source).worker().run(json_rows([{}] * 30))
    assert len(frame.text["rows"]) == 20
    assert frame.text["message"].startswith("30 of 30 rows")


@every
def test_what_is_not_json_is_the_callers_fault(load, source):
    worker = load(source).worker()
    _, _, good = json_rows([{"petal_length": 1}])
    for bad in (b"\x01\0\0\0{", b"\x03\0\0\0NaN", b"\x01\0\0\0\xff"):
        frame = worker.run((14, (2,), good + bad))
        assert frame.kind == REFUSED
        assert {one["row"] for one in frame.text["rows"]} == {1}


@every
def test_results_are_checked(load, source):
    returned = "[{'name': 1.5, 'score': 'x'} for r in rows]"
    start = source.index("            return [")
    template = load(source[:start] + "            return " + returned)
    frame = template.worker().run(json_rows([{"petal_length": 1}]))
    assert frame.kind == FAILED
    assert frame.text["message"].startswith("the result of row 0: .name: Input should")
    assert ".score: Input should be" in frame.text["message"]


@every
def test_nan_is_no_answer(load, source):
    source = source.replace("score=r.petal_length", "score=math.nan")
    source = source.replace('score=r["petal_length"]', "score=math.nan")
    frame = load(source).worker().run(json_rows([{"petal_length": 1}]))
    assert frame.kind == FAILED
    assert frame.text["message"] == (
        "the result of row 0: .score: expected a finite number, got nan"
    )


@every
def test_half_characters_are_no_answer(load, source):
    source = source.replace("name=", "name='\\ud800' + ")
    frame = load(source).worker().run(json_rows([{"petal_length": 1}]))
    assert frame.kind == FAILED
    assert frame.text["message"].startswith(
        "the result of row 0: .name: expected whole characters, got '\\ud800'"
    )


@every
def test_half_characters_are_the_callers_fault(load, source):
    rows = [{"petal_length": 1}, {"petal_length": 1, "tags": ["\ud800"]}]
    frame = load(source).worker().run(json_rows(rows))
    assert frame.kind == REFUSED
    assert {one["row"] for one in frame.text["rows"]} == {1}


TREES = """
    from __future__ import annotations
    from dataclasses import dataclass, field
    from typing import Optional

    @dataclass
    class Tree:
        name: str
        children: list[Tree] = field(default_factory=list)
        owner: Optional[Person] = None

    @dataclass
    class Person:
        tree: Optional[Tree] = None

    class Model:
        def predict(self, rows: list[Tree]) -> list[Person]:
            return [Person(row.children[0]) for row in rows]
"""


@pytest.mark.parametrize("source", [TREES, without_pydantic(TREES)])
def test_types_that_contain_themselves(load, source):
    template = load(source)
    row, result = template.loaded["inputs"][0], template.loaded["outputs"][0]
    assert row["schema"]["$ref"] == "#/$defs/Tree"
    assert row["schema"]["$defs"]["Tree"]["properties"]["children"]["items"] == {
        "$ref": "#/$defs/Tree"
    }
    assert "Tree" in result["schema"]["$defs"]
    worker = template.worker()
    tree = {"name": "a", "children": [], "owner": {"tree": None}}
    assert worker.predict_rows([{"name": "b", "children": [tree]}]) == [{"tree": tree}]
    tree["children"] = [{"name": "c"}, {"name": 1}]
    frame = worker.run(json_rows([{"name": "b", "children": [tree]}]))
    assert frame.kind == REFUSED
    (one,) = frame.text["rows"]
    assert one["path"] == ".children[0].children[1].name"


def test_what_post_init_asserts_is_the_callers_fault(load):
    for source in (DATACLASSES, without_pydantic(DATACLASSES)):
        frame = load(source).worker().run(json_rows([{"petal_length": -1}]))
        assert frame.kind == REFUSED
        assert "petals have a length" in frame.text["message"]


def test_plain_rows_that_are_not_json(load):
    template = load("class Model:\n  def predict(self, rows):\n    return rows")
    worker = template.worker()
    for bad in (b"{", b"NaN", b"\xff", b"[" * 100_000, b"1" * 5_000):
        frame = worker.run((14, (1,), len(bad).to_bytes(4, "little") + bad))
        # Some early Pythons have no limit of digits.
        limited = bad[:1] != b"1" or hasattr(sys, "get_int_max_str_digits")
        assert frame.kind == (REFUSED if limited else ANSWER)


@pytest.mark.parametrize(
    ("annotation", "rows", "wrong"),
    [
        ("list[int]", [1, 2.0, 2**70], [True, 1.5, "1", None]),
        ("list[float]", [1, 2.5], [True, "1", 10**400]),
        ("list[bool]", [True], [1, "true"]),
        ("list[Optional[int]]", [1, None], ["a"]),
        pytest.param(
            "list[int | None]",
            [1, None],
            ["a"],
            marks=pytest.mark.skipif(sys.version_info < (3, 10), reason="is no type"),
        ),
        ("list[Literal['a', 1]]", ["a", 1], ["b", True]),
        ("list[dict[str, int]]", [{}, {"a": 1}], [{"a": "b"}, []]),
        ("Sequence[List[Any]]", [[1, "a"]], [{}]),
        ("List[Union[int, str]]", [1, "a"], [[]]),
        ("list", [1, "a"], []),
        ("List", [1, "a"], []),
    ],
)
def test_types_that_are_checked_without_pydantic(load, annotation, rows, wrong):
    source = f"""
    from typing import Any, List, Literal, Optional, Sequence, Union
    class Model:
        def predict(self, rows: {annotation}):
            return [repr(row) for row in rows]
    """
    worker = load(without_pydantic(source)).worker()
    assert len(worker.predict_rows(rows)) == len(rows)
    for row in wrong:
        assert worker.run(json_rows([row])).kind == REFUSED, row


def test_results_alone_may_have_a_type(load):
    template = load(
        """
        import numpy

        class Model:
            def predict(self, rows) -> list[float]:
                return numpy.array(rows, "f4") / 2
        """
    )
    assert "schema" not in template.loaded["inputs"][0]
    assert template.loaded["outputs"][0]["schema"] == {"type": "number"}
    assert template.worker().predict_rows([1, 2]) == [0.5, 1.0]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "class Model:\n  def predict(self, x: dict[str, float]): ...",
            "takes dict[str, float]. Rows are list[Row]",
        ),
        ("class Model:\n  def predict(self): ...", "takes no rows"),
        (
            "class Model:\n  def predict(self, rows: 'list[Absent]'): ...",
            "name 'Absent' is not defined",
        ),
        (
            "import sys, datetime; sys.modules['pydantic'] = None\n"
            "class Model:\n  def predict(self, rows: list[datetime.date]): ...",
            "has the type date, which needs pydantic 2",
        ),
        (
            "class A: ...\nclass Model:\n  def predict(self, rows: list[A]): ...",
            "the types of predict of class Model in model.py",
        ),
    ],
)
def test_annotations_that_say_no_rows(start, source, message):
    failed = start(source).receive("failed")
    assert failed["kind"] == "configuration"
    assert message in failed["message"]
