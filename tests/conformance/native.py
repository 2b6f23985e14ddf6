"""Cases of the boosters' own files, with their libraries' own predictions."""

from pathlib import Path

import native_lightgbm
import native_xgboost


def write(group_folder: Path) -> None:
    """Trains a model for every objective and booster, and writes it as a case."""
    native_xgboost.write(group_folder)
    native_lightgbm.write(group_folder)
