"""Texts that are all of one width, as a matrix of their bytes: a form is asked of all of them at once."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Letters = npt.NDArray[np.uint8]


def letters(texts: pa.StringArray, width: int) -> Letters | None:
    """The bytes of all texts, a row of `width` for each; nulls are left out. None if one has another width."""
    if texts.null_count:
        texts = texts.drop_null()
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return None
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    if not np.all(np.diff(ends) == width):
        return None
    return np.frombuffer(data, np.uint8)[ends[0] : ends[-1]].reshape(-1, width)
