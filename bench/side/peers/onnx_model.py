"""A model in ONNX Runtime."""

import numpy as np
import onnxruntime
from peer_model import Model


class OnnxModel(Model):
    """A session of one thread, as all contestants have it."""

    def __init__(self, file: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(file, options)
        self.inputs = {
            tensor.name: np.float32 if tensor.type == "tensor(float)" else np.int64
            for tensor in self.session.get_inputs()
        }
        self.outputs = [tensor.name for tensor in self.session.get_outputs()]

    def run(self, tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        outputs = self.session.run(self.outputs, tensors)
        return dict(zip(self.outputs, outputs, strict=True))
