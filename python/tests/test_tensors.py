"""Models of numpy tensors, over real sockets and memory."""

import numpy
import pytest
from served import FAILED, aligned, tensor

BF16 = 13

DOUBLE = """
    class Model:
        inputs = {"x": ("FP32", (-1, 4))}
        outputs = {"y": ("FP32", (-1, 4))}

        def load(self):
            self.factor = 2

        def predict(self, inputs):
            return {"y": inputs["x"] * self.factor}
"""


def test_small_tensors_go_inline(load):
    template = load(DOUBLE)
    x = numpy.arange(8, dtype="f4").reshape(2, 4)
    (y,) = template.worker().predict(x)
    assert y.dtype == x.dtype
    assert (y == 2 * x).all()


def test_signature_is_told(load):
    loaded = load(DOUBLE).loaded
    assert loaded["form"] == "tensors"
    assert loaded["inputs"] == [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]
    assert loaded["outputs"] == [{"name": "y", "datatype": "FP32", "shape": [-1, 4]}]
    assert loaded["model"] == "class Model in model.py"
    assert loaded["threads"] == 1
    assert loaded["versions"]["numpy"] == numpy.__version__


ECHO = """
    class Model:
        inputs = {"x": ("FP32", (-1,))}
        outputs = {"y": ("FP32", (-1,))}

        def predict(self, inputs):
            return inputs["x"]
"""


def test_echo_of_a_large_tensor_is_answered_where_it_is(load):
    x = numpy.arange(100_000, dtype="f4")
    frame = load(ECHO).worker().run(tensor(x))
    assert frame.places == [(1, 0)]
    assert (frame.arrays[0] == x).all()


def test_large_answers_stand_behind_the_inputs(load):
    template = load(ECHO.replace('inputs["x"]', 'inputs["x"] + 1'))
    x = numpy.arange(100_000, dtype="f4")
    frame = template.worker().run(tensor(x))
    assert frame.places == [(1, aligned(x.nbytes))]
    assert (frame.arrays[0] == x + 1).all()


def test_large_answers_take_the_place_of_inputs_where_there_is_no_other(load):
    template = load(ECHO.replace('inputs["x"]', 'inputs["x"][::-1]'))
    x = numpy.arange(200_000, dtype="f4")
    frame = template.worker(arena=900_000).run(tensor(x))
    assert frame.places == [(1, 0)]
    assert (frame.arrays[0] == x[::-1]).all()


def test_an_answer_larger_than_the_arena_is_the_models_fault(load):
    template = load(ECHO.replace('inputs["x"]', "[0.0] * 300_000"))
    frame = template.worker().run(tensor(numpy.zeros(1, "f4")))
    assert frame.kind == FAILED
    assert "1200000 bytes" in frame.text["message"]
    assert "1048576" in frame.text["message"]


ALL = """
    class Model:
        inputs = {"%s": ("%s", (-1, None))}
        outputs = [{"name": "y", "datatype": "%s", "shape": [-1, -1]}]

        def predict(self, inputs):
            (x,) = inputs.values()
            return {"y": x}
"""


@pytest.mark.parametrize(
    ("datatype", "dtype"),
    [
        ("BOOL", "?"),
        ("UINT8", "u1"),
        ("UINT16", "u2"),
        ("UINT32", "u4"),
        ("UINT64", "u8"),
        ("INT8", "i1"),
        ("INT16", "i2"),
        ("INT32", "i4"),
        ("INT64", "i8"),
        ("FP16", "f2"),
        ("FP32", "f4"),
        ("FP64", "f8"),
    ],
)
def test_every_datatype(load, datatype, dtype):
    x = numpy.array([[0, 1, 1], [1, 0, 1]], dtype)
    (y,) = load(ALL % ("x", datatype, datatype)).worker().predict(x)
    assert y.dtype == x.dtype
    assert y.tolist() == x.tolist()


def test_text_comes_as_str_and_other_bytes_as_bytes(load):
    template = load(
        """
        class Model:
            inputs = {"x": ("BYTES", (-1,))}
            outputs = {"y": ("BYTES", (-1,)), "type": ("BYTES", (-1,))}

            def predict(self, inputs):
                types = [type(one).__name__ for one in inputs["x"]]
                return {"y": inputs["x"], "type": types}
        """
    )
    worker = template.worker()
    for elements, expected in [
        ([b"caf\xc3\xa9", b"", b"a\0"], b"str"),
        ([b"caf\xc3\xa9", b"\xff"], b"bytes"),
        ([b"x" * 70_000, b"y"], b"str"),
    ]:
        y, types = worker.predict(numpy.array([*elements, None], object)[:-1])
        assert y.tolist() == elements
        assert set(types.tolist()) == {expected}


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("{'z': inputs['x']}", "without 'y' and with 'z', which is no output"),
        ("{'y': inputs['x'], 'z': 1}", "with 'z', which is no output"),
        (
            "inputs['x'].reshape(1, -1)",
            "output 'y' has the shape [1, 3], expected [-1]",
        ),
        ("['a', 'b', 'c']", "output 'y' has the dtype <U1, which is no FP32"),
        ("None", "output 'y' has the dtype object, which is no FP32"),
        ("inputs['x'] + 1j", "output 'y' has the dtype complex64, which is no FP32"),
    ],
)
def test_answers_that_break_the_signature(load, returned, message):
    worker = load(ECHO.replace('inputs["x"]', returned)).worker()
    for _ in range(2):
        frame = worker.run(tensor(numpy.zeros(3, "f4")))
        assert frame.kind == FAILED
        assert message in frame.text["message"]
        assert frame.text["traceback"] == ""


@pytest.mark.parametrize(
    ("element", "message"),
    [
        ("'\\ud800'", "element 1: expected whole characters, got '\\ud800'"),
        ("1.5", "element 1 is of type float, expected str or bytes"),
    ],
)
def test_elements_that_are_no_text(load, element, message):
    source = ECHO.replace('inputs["x"]', f"['a', {element}]")
    source = source.replace('{"y": ("FP32"', '{"y": ("BYTES"')
    frame = load(source).worker().run(tensor(numpy.zeros(3, "f4")))
    assert frame.kind == FAILED
    assert frame.text["message"].startswith(f"output 'y': {message}")
    assert frame.text["traceback"] == ""


def test_integers_are_cast_only_where_they_fit(load):
    template = load(
        """
        class Model:
            inputs = {"x": ("INT64", (-1,))}
            outputs = {"y": ("INT8", (-1,))}

            def predict(self, inputs):
                return inputs["x"]
        """
    )
    worker = template.worker()
    (y,) = worker.predict(numpy.array([-128, 127]))
    assert y.tolist() == [-128, 127]
    frame = worker.run(tensor(numpy.array([0, 128])))
    assert frame.text["message"] == "output 'y': 128 is no INT8"


def test_numbers_are_cast_where_they_stay_numbers(load):
    worker = load(ECHO.replace('inputs["x"]', "[1, 2.5, True]")).worker()
    (y,) = worker.predict(numpy.zeros(3, "f4"))
    assert y.tolist() == [1, 2.5, 1]


def test_model_toml_may_declare_the_signature(load):
    x = {"name": "x", "datatype": "FP32", "shape": [-1]}
    template = load(
        """
        class Model:
            def predict(self, inputs):
                return inputs["x"]
        """,
        inputs=[x],
        outputs=[{**x, "name": "y"}],
    )
    assert template.loaded["outputs"] == [{**x, "name": "y"}]
    (y,) = template.worker().predict(numpy.zeros(3, "f4"))
    assert y.shape == (3,)


def test_bfloat16_is_its_bits(load):
    bits = numpy.array([[0x3F80, 0x4000]], "u2")
    _, shape, data = tensor(bits)
    frame = load(ALL % ("x", "BF16", "UINT16")).worker().run((BF16, shape, data))
    assert frame.arrays[0].tolist() == bits.tolist()


def test_an_echo_stays_where_it_is_beside_other_outputs(load):
    template = load(
        """
        class Model:
            inputs = {"x": ("FP32", (-1,))}
            outputs = {"z": ("FP32", (-1,)), "y": ("FP32", (-1,))}

            def predict(self, inputs):
                x = inputs["x"]
                return {"y": x[1000:], "z": x[:1000] + 1}
        """
    )
    x = numpy.arange(100_000, dtype="f4")
    frame = template.worker().run(tensor(x))
    z, y = frame.arrays
    assert frame.places == [(1, aligned(x.nbytes)), (1, 4000)]
    assert z.tolist() == (x[:1000] + 1).tolist()
    assert y.tolist() == x[1000:].tolist()


def test_bfloat16_is_a_dtype_where_the_model_imports_it(load):
    source = ALL % ("x", "BF16", "BF16")
    source = source.replace('{"y": x}', '{"y": x.astype("f4") + 0.5}')
    template = load("    import ml_dtypes\n" + source)
    _, shape, data = tensor(numpy.array([[0x3F80, 0x4000]], "u2"))
    frame = template.worker().run((BF16, shape, data))
    # 1 and 2, and 1.5 and 2.5.
    assert frame.arrays[0].tolist() == [[0x3FC0, 0x4020]]
