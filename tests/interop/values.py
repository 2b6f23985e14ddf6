"""Arrays of every dtype, at its limits."""

import numpy as np

# Not all of it is text.
ANY_STRINGS = np.array([[b"", b"a"], ["grüße".encode(), b"\xff\xfe"]], dtype=np.object_)


def arrays() -> dict[str, np.ndarray]:
    """A 2x2 array by dtype; BF16 is not here, as numpy has none."""
    integers = {
        f"{'U' if kind == 'u' else ''}INT{8 * size}": limits(np.dtype(f"{kind}{size}"))
        for kind in "iu"
        for size in (1, 2, 4, 8)
    }
    floats = {
        f"FP{8 * size}": np.array([[0.1, -1.5], [0, 65504]], dtype=f"f{size}")
        for size in (2, 4, 8)
    }
    texts = np.array([[b"a", b""], ["日本".encode(), b"1"]], dtype=np.object_)
    truths = np.array([[True, False], [False, True]])
    return {**integers, **floats, "BOOL": truths, "BYTES": texts}


def limits(dtype: np.dtype) -> np.ndarray:
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    return np.array([[least, most], [0, 1]], dtype=dtype)
