"""The table that the boosters of the suite are trained on and asked about."""

from dataclasses import dataclass

import numpy as np

SEED = 20
COLUMNS = ["height", "width", "depth", "weight", "kind", "maker"]
CATEGORICAL = [4, 5]
KINDS, MAKERS = 3, 70


@dataclass(frozen=True)
class Table:
    """Rows with a target for every kind of objective."""

    rows: np.ndarray
    """Numbers, some of them missing, and in the last two columns categories."""
    number: np.ndarray
    """Of any sign."""
    positive: np.ndarray
    count: np.ndarray
    probability: np.ndarray
    binary: np.ndarray
    classes: np.ndarray
    """Four of them."""
    relevance: np.ndarray
    group_sizes: np.ndarray


def training() -> Table:
    """Four hundred rows; what they mean depends on numbers, categories and gaps."""
    rng = np.random.default_rng(SEED)
    rows = random_rows(rng, 400)
    filled = np.nan_to_num(rows, nan=-2.0)
    signal = filled[:, 0] - filled[:, 1] * filled[:, 2] + np.sin(filled[:, 3] * 3)
    signal += (filled[:, 4] == 1) - (filled[:, 5] % 3) * 0.7
    number = signal + rng.normal(scale=0.3, size=len(rows))
    ranks = np.argsort(np.argsort(number)) / len(rows)
    return Table(
        rows=rows,
        number=number,
        positive=np.exp(number / 4),
        count=rng.poisson(np.exp(number / 4)).astype(float),
        probability=1 / (1 + np.exp(-number)),
        binary=(number > 0).astype(int),
        classes=np.minimum(ranks * 4, 3).astype(int),
        relevance=np.minimum(ranks * 5, 4).astype(int),
        group_sizes=np.full(20, 20),
    )


def questions(training_rows: np.ndarray) -> np.ndarray:
    """Rows to ask about: some that trained the model, new ones, and awkward ones."""
    rng = np.random.default_rng(SEED + 1)
    awkward = np.zeros((12, len(COLUMNS)), dtype=training_rows.dtype)
    awkward[1] = np.nan
    awkward[2] = -0.0
    awkward[3] = 1e-36
    awkward[4] = -1e-36
    awkward[5] = 1e30
    awkward[6] = -1e30
    awkward[6, CATEGORICAL] = -1
    awkward[7, CATEGORICAL] = [KINDS + 5, MAKERS + 500]
    awkward[8, CATEGORICAL] = np.nan
    awkward[9, CATEGORICAL] = [1.5, 63.9]
    awkward[10, CATEGORICAL] = [31, 32]
    awkward[11, CATEGORICAL] = [2, 64]
    new = random_rows(rng, 89).astype(training_rows.dtype)
    return np.vstack([training_rows[:60], new, awkward])


def random_rows(rng: np.random.Generator, count: int) -> np.ndarray:
    numbers = rng.normal(size=(count, len(COLUMNS) - len(CATEGORICAL))).round(2)
    kinds = rng.integers(0, KINDS, count)
    makers = rng.integers(0, MAKERS, count)
    rows = np.column_stack([numbers, kinds, makers])
    rows[rng.random(rows.shape) < 0.1] = np.nan
    # In single precision from the start, so that XGBoost and LightGBM see the same.
    return rows.astype(np.float32)
