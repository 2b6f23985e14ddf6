"""Asks which iris has these measures, and prints its name."""

import sys

import httpx

server = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8000"
row = {
    "sepal_length": 5.1,
    "sepal_width": 3.5,
    "petal_length": 1.4,
    "petal_width": 0.2,
}

with httpx.Client(base_url=f"http://{server}") as client:
    answer = client.post("/v1/models/iris:predict", json={"instances": [row]})
    answer.raise_for_status()
    print(answer.json()["predictions"][0]["output_label"])
