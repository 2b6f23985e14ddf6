"""Cases of the boosters' own files, with their libraries' own predictions."""

from pathlib import Path

import native_lightgbm
import native_xgboost

GROUP = "native"


def write(out: Path, _data: Path) -> None:
    """Trains a model for every objective and booster, and writes it as a case."""
    native_xgboost.write(out / GROUP)
    native_lightgbm.write(out / GROUP)
