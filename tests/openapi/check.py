"""The server's OpenAPI document: valid by the specification, and true.

    PYTHONPATH=tests python tests/openapi/check.py

Every example fits its schema and is answered with what the document promises; what the
schemas refuse, the server refuses.
"""

import copy
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from served import EXAMPLES, Answer, CheckError, Server, ask, expect

JSON = "application/json"
# What no model here takes in place of a number, a row or a tensor ...
SPOILT = ["many", None, {"nobody": 1}, [[[[[1]]]]]]
# ... but one whose rows have no type.
ANYTHING = "/v1/models/anything:predict"
CODE = "class Model:\n    def predict(self, rows):\n        return rows\n"
SAMPLE = {"instances": [{"a": [1, "b"]}, None]}


class Document:
    """A document with its schemas, by which values are judged."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def operations(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for path, methods in self.content["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def mistake(self, schema: dict[str, Any], value: Any) -> str | None:
        """The first way in which a value does not fit; None for one that does."""
        # References lead to the components, which must therefore be in the schema.
        whole = {**schema, "components": self.content["components"]}
        mistake = next(Draft202012Validator(whole).iter_errors(value), None)
        return mistake and f"{mistake.json_path}: {mistake.message}"

    def response(self, operation: dict[str, Any], status: int) -> dict[str, Any]:
        """What an operation declares for a status; references are followed."""
        declared = operation["responses"].get(str(status))
        expect(declared is not None, f"{operation['operationId']} declares no {status}")
        if "$ref" in declared:
            return self.content["components"]["responses"][str(status)]
        return declared

    def check_answer(self, operation: dict[str, Any], answer: Answer) -> None:
        """An answer has a declared status, and the form that was declared with it."""
        declared = self.response(operation, answer.status)["content"]
        if JSON not in declared:
            return
        mistake = self.mistake(declared[JSON]["schema"], answer.json())
        name = operation["operationId"]
        expect(mistake is None, f"{name} answers {answer.text}, but {mistake}")


def of_any_model(path: str) -> str:
    return path.replace("{name}", "iris").replace("{version}", "1")


def check_questions(document: Document, address: str) -> int:
    """Every GET answers as declared, also for a model that is not there."""
    asked = 0
    for method, path, operation in document.operations():
        if method != "GET":
            continue
        answer = ask(address, method, of_any_model(path))
        expect(answer.status == 200, f"{path} answers {answer.status}")
        document.check_answer(operation, answer)
        if "{name}" in path:
            other = path.replace("{name}", "nobody").replace("{version}", "1")
            document.check_answer(operation, ask(address, method, other))
        asked += 1
    return asked


def check_examples(document: Document, address: str) -> int:
    """Every example fits, is answered as it says, and is refused when it is spoilt."""
    asked = 0
    for _, path, operation in document.operations():
        body = operation.get("requestBody", {}).get("content", {}).get(JSON, {})
        answers = operation["responses"]["200"]["content"].get(JSON, {})
        for name, example in body.get("examples", {}).items():
            request = example["value"]
            response = answers["examples"][name]["value"]
            for media, value in [(body, request), (answers, response)]:
                mistake = document.mistake(media["schema"], value)
                expect(mistake is None, f"{path}, example {name}: {mistake}")
            answer = ask(address, "POST", path, request)
            expect(answer.json() == response, f"{path} {name}: {answer.text}")
            document.check_answer(operation, answer)
            check_spoilt(document, address, (path, operation, request))
            asked += 1
    return asked


def check_spoilt(
    document: Document, address: str, case: tuple[str, dict[str, Any], Any]
) -> None:
    """The schema and the server refuse the same requests."""
    path, operation, request = case
    schema = operation["requestBody"]["content"][JSON]["schema"]
    [field] = request
    for value in SPOILT:
        spoilt = copy.deepcopy(request)
        spoilt[field][0] = value
        fits = document.mistake(schema, spoilt) is None
        answer = ask(address, "POST", path, spoilt)
        document.check_answer(operation, answer)
        wrong = path != ANYTHING
        refused = answer.status in (400, 422)
        told = f"{json.dumps(spoilt)}: {answer.text}"
        expect(refused == wrong, f"{path} {'takes' if wrong else 'refuses'} {told}")
        # A schema of features leaves them open, as some may stand in the context.
        if field != "examples":
            expect(fits != wrong, f"the schema of {path} disagrees on {told}")


def write_anything(folder: Path) -> Path:
    """A model in Python that answers with its rows, whatever they are."""
    model = folder / "anything"
    (model / "samples").mkdir(parents=True)
    (model / "model.py").write_text(CODE)
    (model / "samples" / "one.json").write_text(json.dumps(SAMPLE))
    return model


def check(models: list[Path]) -> str:
    with Server(*models, "--port", "0") as server:
        address = server.address()
        server.wait_for_line("ready after")
        content = ask(address, "GET", "/openapi.json").json()
        OpenAPIV31SpecValidator(content).validate()
        document = Document(content)
        for schema in content["components"]["schemas"].values():
            Draft202012Validator.check_schema(schema)
        questions = check_questions(document, address)
        examples = check_examples(document, address)
        expect(questions > 15 and examples > 20, f"{questions} and {examples} asked")
        server.stop()
    return f"{questions} questions and {examples} examples"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asked = check([EXAMPLES, write_anything(Path(folder))])
    print(f"ok: the document is valid; {asked}")


if __name__ == "__main__":
    try:
        main()
    except CheckError as error:
        sys.exit(f"error: {error}")
