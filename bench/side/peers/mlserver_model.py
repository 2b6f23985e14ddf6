"""A model of MLServer's own runtime."""

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from peer_model import load


class OnnxModel(MLModel):
    async def load(self) -> bool:
        self.model = load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        inputs = {
            tensor.name: NumpyCodec.decode_input(tensor).astype(
                self.model.inputs[tensor.name], copy=False
            )
            for tensor in payload.inputs
        }
        outputs = self.model.run(inputs)
        encoded = [
            # The codec would give a list of numbers a second axis.
            ResponseOutput(
                name=name,
                shape=list(array.shape),
                datatype="FP32" if array.dtype == np.float32 else "INT64",
                data=array.ravel().tolist(),
            )
            for name, array in outputs.items()
        ]
        return InferenceResponse(model_name=self.name, outputs=encoded)
