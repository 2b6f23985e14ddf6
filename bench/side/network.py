"""Writes the network whose loads are measured: network/model.onnx, in one file."""

import sys
from pathlib import Path

import onnx
from large import network


def write(target: Path) -> None:
    (target / "network").mkdir()
    model, _ = network()
    onnx.save(model, target / "network/model.onnx")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
