"""A model of Triton's python backend."""

from typing import Any

import triton_python_backend_utils as triton
from onnx_model import Model


class TritonPythonModel:
    def initialize(self, _arguments: dict[str, Any]) -> None:
        self.model = Model()

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self.answer(request) for request in requests]

    def answer(self, request: Any) -> Any:
        inputs = {
            name: triton.get_input_tensor_by_name(request, name).as_numpy()
            for name in self.model.inputs
        }
        outputs = self.model.run(inputs)
        tensors = [triton.Tensor(name, array) for name, array in outputs.items()]
        return triton.InferenceResponse(output_tensors=tensors)
