"""A model of Triton's python backend that returns the tensor it is given."""

from typing import Any

import triton_python_backend_utils as triton


class TritonPythonModel:
    def execute(self, requests: list[Any]) -> list[Any]:
        return [self.answer(request) for request in requests]

    def answer(self, request: Any) -> Any:
        array = triton.get_input_tensor_by_name(request, "x").as_numpy()
        return triton.InferenceResponse(output_tensors=[triton.Tensor("y", array)])
