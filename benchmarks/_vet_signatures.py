"""Made-up signatures by the million: alike within a protocol, with planted copies."""

from __future__ import annotations

import dataclasses

import numpy as np
from _anatomy import acquire, head
from numpy.typing import NDArray

from qiqa.vetting.signature.codes import MIRRORS
from qiqa.vetting.signature.layout import PLANES, VIEWS, pack, unpack
from qiqa.vetting.signature.signing import sign

__all__ = ["Planted", "made_up"]

PROTOCOLS = 20
SIZES = 62


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """Signatures, and which were planted as copies of which."""

    signatures: NDArray[np.uint8]
    """(n, bytes)"""
    copies: dict[str, NDArray[np.int64]]
    """Kind -> (m, 2) rows."""


def _shares(heads: int) -> NDArray[np.float64]:
    """Return (views, 128): how often each bit is set among simulated heads."""
    made = [
        sign(
            acquire(head(s), s, shape=(72, 84, 24), voxel_mm=(3.0, 3.0, 6.5))[..., None],
            1.0,
        )
        for s in range(heads)
    ]
    codes = unpack(np.frombuffer(b"".join(made), dtype=np.uint8).reshape(heads, -1))
    words = np.stack([codes.signs, codes.sizes], axis=2)
    bits = (words[..., None] >> np.arange(64, dtype=np.uint64)) & np.uint64(1)
    return np.asarray(bits.mean(axis=0).reshape(VIEWS, 128), dtype=np.float64)


def _words(share: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.uint64]:
    """Return (count, views, 2): bits drawn by how often they are set."""
    found = np.zeros((count, VIEWS, 2), dtype=np.uint64)
    for bit in range(128):
        if bit < 64 + SIZES:
            drawn = rng.random((count, VIEWS), dtype=np.float32) < share[:, bit]
            found[:, :, bit // 64] |= drawn.astype(np.uint64) << np.uint64(bit % 64)
    return found


def _flipped(
    words: NDArray[np.uint64], share: float, rng: np.random.Generator
) -> NDArray[np.uint64]:
    """Return words with a share of their bits changed, each signature in another mirror."""
    flips = _words(np.full((VIEWS, 128), share), len(words), rng)
    found = words ^ flips
    found[:, :, 0] ^= MIRRORS[rng.integers(0, 4, len(words))][:, None]
    return found


def made_up(count: int, *, heads: int = 60, seed: int = 1) -> Planted:
    """Return signatures of `count` series of 20 protocols.

    Within a protocol, each bit is set as often as among simulated heads, or more often the same
    (its log-odds up to 1.6 times): images of one protocol are alike. One series in 100 is a copy
    each of these kinds: `exact`; `whole` (8 % of the bits of every view differ); `rough` (12 %);
    `one window` (only one view in common, of which 4 % differ).
    """
    rng = np.random.default_rng(seed)
    share = _shares(heads).clip(0.02, 0.98)
    words = np.empty((count, VIEWS, 2), dtype=np.uint64)
    protocol = np.sort(rng.integers(0, PROTOCOLS, count))
    for p in range(PROTOCOLS):
        rows = np.flatnonzero(protocol == p)
        own = share[:, np.r_[rng.permutation(64), 64 + rng.permutation(SIZES), 126, 127]]
        odds = (1 + 0.6 * p / (PROTOCOLS - 1)) * np.log(own / (1 - own))
        words[rows] = _words(1 / (1 + np.exp(-odds)), len(rows), rng)
    digest = rng.integers(0, 2**63, (count, 2)).astype(np.uint64)
    chosen = rng.permutation(count)[: 8 * (count // 100)].reshape(4, 2, -1)
    copies = {}
    for kind, (first, second) in zip(
        ("exact", "whole", "rough", "one window"), chosen, strict=True
    ):
        copies[kind] = np.sort(np.column_stack([first, second]), axis=1)
        if kind == "exact":
            words[second], digest[second] = words[first], digest[first]
        elif kind != "one window":
            words[second] = _flipped(words[first], 0.08 if kind == "whole" else 0.12, rng)
        else:
            words[second, PLANES] = _flipped(words[first], 0.04, rng)[:, PLANES]
    header = np.frombuffer(pack(bytes(16), [], [])[16:24], dtype="<u8").astype(np.uint64)
    whole = np.hstack([digest, np.tile(header, (count, 1)), words.reshape(count, -1)])
    return Planted(whole.astype("<u8").view(np.uint8).reshape(count, -1), copies)
