"""Asks which iris has these measures, with NVIDIA's client over gRPC."""

import sys

import numpy as np
import tritonclient.grpc as triton

server = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8001"
row = np.array([[5.1, 3.5, 1.4, 0.2]], np.float32)

with triton.InferenceServerClient(server) as client:
    tensor = triton.InferInput("measurements", row.shape, "FP32")
    tensor.set_data_from_numpy(row)
    answer = client.infer("iris", [tensor])
    print(answer.as_numpy("output_label")[0].decode())
