"""mosec: a Rust front, and Python workers behind a Unix socket."""

import os
from typing import Any

import numpy as np
from mosec import Server, Worker
from onnx_model import Model

WORK = os.environ["WORK"]
V2 = WORK == "big"
ROUTE = f"/v2/models/{WORK}/infer" if V2 else f"/v1/models/{WORK}:predict"


class Predict(Worker):
    def __init__(self) -> None:
        super().__init__()
        self.model = Model()

    def forward(self, data: dict[str, Any]) -> dict[str, Any]:
        return (
            self.infer(data)
            if V2
            else {"predictions": self.model.predict(data["instances"])}
        )

    def infer(self, data: dict[str, Any]) -> dict[str, Any]:
        tensor = data["inputs"][0]
        array = np.array(tensor["data"], np.float32).reshape(tensor["shape"])
        (means,) = self.model.run({"x": array}).values()
        output = {
            "name": "mean",
            "shape": [1],
            "datatype": "FP32",
            "data": means.tolist(),
        }
        return {"outputs": [output]}


if __name__ == "__main__":
    server = Server()
    server.append_worker(Predict, num=int(os.environ["WORKERS"]), route=ROUTE)
    server.run()
