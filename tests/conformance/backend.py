"""The ONNX project's own backend tests.

Those of the operators come twice: as onnx 1.17.0 has them on disk, and as the newer
onnx of requirements.txt makes them, less what is the same. Groups: `node-VERSION`, and
`simple`, `pytorch-operator`, `pytorch-converted`, `light` (large networks with constant
weights).
"""

import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from casefile import Expectation, write_expectation
from onnx import (
    GraphProto,
    ModelProto,
    TensorProto,
    TypeProto,
    ValueInfoProto,
    numpy_helper,
)
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.runner import Runner

OLD_VERSION = "1.17.0"
DATA = "onnx/backend/test/data"

# The tolerances of onnx.backend.test.runner.
EXPECTATION = Expectation(f"onnx {onnx.__version__}", relative=1e-3, absolute=1e-7)
BFLOAT16_RELATIVE = 2**-6


def write(cases: Path, data: Path) -> None:
    """Writes all groups; `data` is the folder of the packages of data.txt."""
    here = Path(onnx.__file__).parent.parent / DATA
    old = replace(EXPECTATION, source=f"onnx {OLD_VERSION}")
    copy_group(data / DATA / "node", cases / f"node-{OLD_VERSION}", old)
    known = {identity(case) for case in (cases / f"node-{OLD_VERSION}").iterdir()}
    write_generated(cases / f"node-{onnx.__version__}", known)
    for kind in ["simple", "pytorch-operator", "pytorch-converted"]:
        copy_group(here / kind, cases / kind, EXPECTATION)
    write_light(here, cases / "light")


def copy_group(source: Path, group: Path, expectation: Expectation) -> None:
    for model in sorted(source.glob("*/model.onnx")):
        folder = group / model.parent.name
        shutil.copytree(model.parent, folder)
        graph = onnx.load(model).graph
        name_bfloat16(folder, graph)
        write_expectation(folder, tolerance(graph, expectation))


def name_bfloat16(folder: Path, graph: GraphProto) -> None:
    """onnx 1.17.0 wrote bfloat16 as the whole numbers that its bits make."""
    for kind, infos in [("input", graph.input), ("output", graph.output)]:
        for index, info in enumerate(infos):
            if info.type.tensor_type.elem_type != TensorProto.BFLOAT16:
                continue
            for path in folder.glob(f"test_data_set_*/{kind}_{index}.pb"):
                tensor = TensorProto.FromString(path.read_bytes())
                tensor.data_type = TensorProto.BFLOAT16
                path.write_bytes(tensor.SerializeToString())


def write_generated(group: Path, known: set[bytes]) -> None:
    with warnings.catch_warnings():
        # The infinities that some of the tests are about.
        warnings.simplefilter("ignore")
        tests = collect_testcases()
    for test in tests:
        folder = group / test.name
        write_test(folder, test)
        if identity(folder) in known:
            shutil.rmtree(folder)


def identity(case: Path) -> bytes:
    """What makes two tests the same: graph, operator sets and data, not their names."""
    model = onnx.load(case / "model.onnx", load_external_data=False)
    bare = ModelProto(graph=model.graph, opset_import=model.opset_import)
    bare.graph.name = ""
    data = [path.read_bytes() for path in sorted(case.glob("*/*.pb"))]
    return b"".join([bare.SerializeToString(deterministic=True), *data])


def write_test(folder: Path, test: TestCase) -> None:
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(test.model.SerializeToString())
    write_expectation(folder, tolerance(test.model.graph, EXPECTATION))
    graph = test.model.graph
    for index, (inputs, outputs) in enumerate(test.data_sets):
        target = folder / f"test_data_set_{index}"
        target.mkdir()
        for kind, values, infos in [
            ("input", inputs, graph.input),
            ("output", outputs, graph.output),
        ]:
            for position, (value, info) in enumerate(zip(values, infos, strict=True)):
                content = encoded(value, info)
                (target / f"{kind}_{position}.pb").write_bytes(content)


def encoded(value: object, info: ValueInfoProto) -> bytes:
    """A value as the runner of onnx encodes it: of a tensor, sequence or optional."""
    if isinstance(value, TensorProto):
        return value.SerializeToString()
    kind = info.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.from_list(value, info.name).SerializeToString()
    if kind == "optional_type":
        return numpy_helper.from_optional(value, info.name).SerializeToString()
    return numpy_helper.from_array(np.asarray(value), info.name).SerializeToString()


def tolerance(graph: GraphProto, expectation: Expectation) -> Expectation:
    types: list[TypeProto] = [output.type for output in graph.output]
    if any(kind.tensor_type.elem_type == TensorProto.BFLOAT16 for kind in types):
        return replace(expectation, relative=BFLOAT16_RELATIVE)
    return expectation


def write_light(here: Path, group: Path) -> None:
    for model in sorted((here / "light").glob("*.onnx")):
        name = model.stem.removeprefix("light_")
        folder = group / name
        target = folder / "test_data_set_0"
        target.mkdir(parents=True)
        shutil.copy(model, folder / "model.onnx")
        said = json.loads((here / "real" / f"test_{name}" / "data.json").read_text())
        expectation = replace(
            EXPECTATION,
            relative=said.get("rtol", EXPECTATION.relative),
            absolute=said.get("atol", EXPECTATION.absolute),
        )
        write_expectation(folder, expectation)
        graph = onnx.load(model).graph
        weights = {initializer.name for initializer in graph.initializer}
        (image,) = [info for info in graph.input if info.name not in weights]
        array = Runner.generate_dummy_data(image)
        content = numpy_helper.from_array(array, image.name).SerializeToString()
        (target / "input_0.pb").write_bytes(content)
        answer = model.with_name(f"{model.stem}_output_0.pb")
        shutil.copy(answer, target / "output_0.pb")
