"""What stands where in a signature."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.signature.digest import DIGEST_BYTES

__all__ = [
    "FIRST",
    "LEVELS",
    "PLANES",
    "SIGNATURE_BYTES",
    "SPOTS",
    "VERSION",
    "VIEWS",
    "Codes",
    "pack",
    "unpack",
]

VERSION = 2
LEVELS = 9
"""Planes across the slice direction."""
PLANES = LEVELS + 2
"""And the middle planes of the other two directions."""
SPOTS = 3
"""Windows around blobs of the middle plane."""
VIEWS = PLANES + SPOTS
FIRST = DIGEST_BYTES // 8 + 1
"""Word of 8 bytes that views begin with."""
SIGNATURE_BYTES = 8 * FIRST + 16 * VIEWS
"""248: digest 16, version 1, nothing 7, then signs and sizes of each view, low byte first."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """Signatures taken apart, n of them: views of their bytes, no copies."""

    words: NDArray[np.uint64]
    """(n, `SIGNATURE_BYTES` / 8); from word `FIRST` on signs and sizes of each view, the planes,
    then the spots."""
    known: NDArray[np.bool_]
    """(n,) whether there is a signature of this version."""

    def __len__(self) -> int:
        return len(self.known)

    @property
    def digest(self) -> NDArray[np.uint64]:
        """(n, 2)."""
        return self.words[:, : DIGEST_BYTES // 8]

    @property
    def signs(self) -> NDArray[np.uint64]:
        """(n, views)."""
        return self.words[:, FIRST::2]

    @property
    def sizes(self) -> NDArray[np.uint64]:
        """(n, views)."""
        return self.words[:, FIRST + 1 :: 2]


def pack(digest: bytes, planes: list[tuple[int, int]], spots: list[tuple[int, int]]) -> bytes:
    """Return a signature; what is not there is zero.

    Parameters
    ----------
    digest
        Of the pixel values, 16 bytes.
    planes, spots
        Signs and sizes of at most `PLANES` and `SPOTS` views.
    """
    empty = (0, 0)
    views = [*planes, *[empty] * (PLANES - len(planes)), *spots, *[empty] * (SPOTS - len(spots))]
    words = np.array(views, dtype="<u8")
    return digest + bytes([VERSION]) + bytes(7) + words.tobytes()


def unpack(signatures: NDArray[np.uint8]) -> Codes:
    """Return signatures taken apart.

    Parameters
    ----------
    signatures
        (n, `SIGNATURE_BYTES`); others, and those of another version, are not known.
    """
    if signatures.ndim != 2 or signatures.shape[1] < SIGNATURE_BYTES:
        signatures = np.zeros((len(signatures), SIGNATURE_BYTES), dtype=np.uint8)
    own = np.ascontiguousarray(signatures[:, :SIGNATURE_BYTES])
    # a copy only where numbers begin with their high byte
    words = own.view("<u8").astype(np.uint64, copy=False)
    return Codes(words, own[:, DIGEST_BYTES] == VERSION)
