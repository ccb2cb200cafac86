"""What stands where in a signature."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.vetting.signature.digest import DIGEST_BYTES

__all__ = [
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
_CODES = DIGEST_BYTES + 8
SIGNATURE_BYTES = _CODES + 16 * VIEWS
"""248: digest 16, version 1, nothing 7, then signs and sizes of each view, low byte first."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """Signatures taken apart; n of them."""

    digest: NDArray[np.uint64]
    """(n, 2)"""
    signs: NDArray[np.uint64]
    """(n, views) the planes, then the spots."""
    sizes: NDArray[np.uint64]
    """(n, views)"""
    known: NDArray[np.bool_]
    """(n,) whether there is a signature of this version."""

    def __len__(self) -> int:
        return len(self.known)


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
    n = len(signatures)
    if signatures.ndim != 2 or signatures.shape[1] < SIGNATURE_BYTES:
        signatures = np.zeros((n, SIGNATURE_BYTES), dtype=np.uint8)
    words = np.ascontiguousarray(signatures[:, :SIGNATURE_BYTES]).view("<u8").astype(np.uint64)
    known = signatures[:, DIGEST_BYTES] == VERSION
    words[~known] = 0
    views = words[:, _CODES // 8 :].reshape(n, VIEWS, 2)
    return Codes(
        digest=words[:, : DIGEST_BYTES // 8].copy(),
        signs=views[:, :, 0].copy(),
        sizes=views[:, :, 1].copy(),
        known=known,
    )
