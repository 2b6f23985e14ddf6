"""The operators that the engine has, as its own tables in Rust say."""

import re
from dataclasses import dataclass
from pathlib import Path

import onnx

TABLES = Path(__file__).parents[3] / "crates/engines/src/tabular/ops"
DOMAINS = {"ML": "ai.onnx.ml", "ONNX": "", "MICROSOFT": "com.microsoft"}
# A row is written whole, or as `row("Name", since, ..)` with what differs before it.
WHOLE = re.compile(
    r"Operator \{\s*"
    r"domain: (?P<domain>\w+),\s*"
    r'name: "(?P<name>\w+)",\s*'
    r"since: (?P<since>\d+),\s*"
    r"(?://.*\s*)*"
    r"until: (?:None|Some\((?P<until>\d+)\)),"
)


SHORT = re.compile(
    r"(?:Operator \{ (?:domain: (?P<domain>\w+), )?(?:until: Some\((?P<until>\d+)\), )?"
    r"\.\.)?"
    r'row\(\s*"(?P<name>\w+)",\s*(?P<since>\d+),'
)
# The start of a row, to count them by.
START = re.compile(r"^    (?:Operator \{|row\()", re.MULTILINE)


@dataclass(frozen=True)
class Operator:
    """A row of a table: an operator in the versions in which it has one form."""

    domain: str
    name: str
    since: int
    until: int | None

    def __str__(self) -> str:
        until = "" if self.until is None else f" to {self.until}"
        return f"{self.domain or 'ai.onnx'}.{self.name} from {self.since}{until}"

    def is_in(self, model: onnx.ModelProto) -> bool:
        version = {each.domain: each.version for each in model.opset_import}
        return any(
            (node.domain, node.op_type) == (self.domain, self.name)
            and self.since <= version[node.domain]
            and (self.until is None or version[node.domain] <= self.until)
            for node in every_node(model.graph)
        )


def operators() -> list[Operator]:
    """Every row of both tables."""
    rows = []
    for table in ("ml_table.rs", "onnx_table.rs"):
        text = (TABLES / table).read_text().partition("OPERATORS:")[2]
        found = [
            Operator(
                DOMAINS[row["domain"] or "ONNX"],
                row["name"],
                int(row["since"]),
                int(row["until"]) if row["until"] else None,
            )
            for form in (WHOLE, SHORT)
            for row in form.finditer(text)
        ]
        if not found or len(found) != len(START.findall(text)):
            raise ValueError(f"{table} has a row that cannot be read")
        rows += found
    return rows


def missing_operators(model: onnx.ModelProto, known: list[Operator]) -> list[str]:
    """Operators of a model that no row has."""
    names = {(row.domain, row.name) for row in known}
    used = {(node.domain, node.op_type) for node in every_node(model.graph)}
    return sorted(name for domain, name in used if (domain, name) not in names)


def every_node(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes of a graph and of the graphs within it."""
    inner = [
        attribute.g
        for node in graph.node
        for attribute in node.attribute
        if attribute.type == onnx.AttributeProto.GRAPH
    ]
    return [*graph.node, *(node for each in inner for node in every_node(each))]
