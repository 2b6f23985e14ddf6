"""mosec: a Rust front, and Python workers behind a Unix socket."""

import os
from typing import Any

import numpy as np
import peer_model
from mosec import Server, Worker

WORK = os.environ["WORK"]
V2 = WORK == "big"
ROUTE = f"/v2/models/{WORK}/infer" if V2 else f"/v1/models/{WORK}:predict"
BATCH = int(os.environ["BATCH"])
# Its shortest, in milliseconds; it counts where there are batches.
WAIT = 1

Body = dict[str, Any]


class Predict(Worker):
    def __init__(self) -> None:
        super().__init__()
        self.model = peer_model.load()

    def forward(self, data: Body | list[Body]) -> Body | list[Body]:
        if isinstance(data, list):
            return self.predict_together(data)
        if V2:
            return self.infer(data)
        return {"predictions": self.model.predict(data["instances"])}

    def predict_together(self, bodies: list[Body]) -> list[Body]:
        rows = [row for body in bodies for row in body["instances"]]
        predictions = iter(self.model.predict(rows))
        return [
            {"predictions": [next(predictions) for _ in body["instances"]]}
            for body in bodies
        ]

    def infer(self, data: Body) -> Body:
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
    server.append_worker(
        Predict,
        num=int(os.environ["WORKERS"]),
        max_batch_size=BATCH,
        max_wait_time=WAIT,
        route=ROUTE,
    )
    server.run()
