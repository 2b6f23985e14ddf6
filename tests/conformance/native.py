"""Conformance cases of the boosters' own files, with their libraries' own predictions.

python tests/conformance/native.py FOLDER
"""

import sys
from pathlib import Path

import native_xgboost


def write(group_folder: Path) -> None:
    """Trains a model for every objective and booster, and writes it as a case."""
    native_xgboost.write(group_folder)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
