"""Large arrays in files that have no name: the system may take their memory back at any time."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from qiqa.core.errors import StoreError

__all__ = ["Scratch"]

_SMALL = 1 << 16
"""Bytes up to which an array is not worth a file."""
_BLOCK = bytes(1 << 20)


class Scratch:
    """Makes arrays, as `qiqa.core.space.Space` says.

    A file is gone with its array, also where the process is killed.

    Parameters
    ----------
    folder
        Where the files are.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """Return an array of zeros.

        Raises
        ------
        StoreError
            If there is no room for it.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size <= _SMALL:
            return np.zeros(shape, dtype)
        try:
            with tempfile.TemporaryFile(dir=self.folder) as file:
                # written, not only made long: a full disk is an error here, and would be the end
                # of the process where a page is touched later
                for begin in range(0, size, len(_BLOCK)):
                    file.write(_BLOCK[: size - begin])
                file.flush()
                return np.asarray(np.memmap(file, dtype, "r+", shape=shape))
        except OSError as error:
            raise StoreError(
                f"{size:,} bytes for a while cannot be written: {error.strerror or error}",
                where=str(self.folder),
                hint="make room; the same command goes on where it was",
            ) from error
