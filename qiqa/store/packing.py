"""The values of one exam as one block of bytes, and the layout that says what stands where."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.canonical import canonical_json
from qiqa.core.entered import entered_temperature
from qiqa.core.measurement import Verdict
from qiqa.store.chain import sha256_text

__all__ = ["POSITION_FIELDS", "Packed", "block", "layout_fields", "pack", "unpack"]

POSITION_FIELDS = ("name", "quantity", "insert", "slice", "role", "unit", "series_key")
"""Fields of a row that say what a value is; the layout holds them and the epoch."""

_VERDICTS = (Verdict.NOT_EVALUATED, Verdict.PASS, Verdict.TOLERANCE, Verdict.ACTION)
"""In the order of their bytes, 0 to 3."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """One exam as the columns keep it."""

    layout: str
    """Canonical JSON: `phantom_unit` and `positions`, a list of what stands where."""
    block: bytes
    """17 bytes a position: all values, all standard uncertainties, all verdicts."""
    temperature_degc: float | None

    @property
    def digest(self) -> str:
        """SHA-256 of the layout."""
        return sha256_text(self.layout)


def pack(payload: Mapping[str, Any], epochs: Sequence[str | None]) -> Packed:
    """Return the columns of one exam.

    The migration to schema 0002 uses it too: whoever changes the format keeps this one for it.

    Parameters
    ----------
    payload
        The exam as `qiqa.qc/1`.
    epochs
        Epoch of each of its measurements.
    """
    rows = payload["measurements"]
    positions = [
        {**{name: row[name] for name in POSITION_FIELDS}, "epoch": epoch}
        for row, epoch in zip(rows, epochs, strict=True)
    ]
    layout = {"phantom_unit": payload["phantom"]["unit"], "positions": positions}
    return Packed(
        layout=canonical_json(layout),
        block=block(
            [_number(row["value"]) for row in rows],
            [_number(row["standard_uncertainty"]) for row in rows],
            [Verdict(row["verdict"]) for row in rows],
        ),
        temperature_degc=entered_temperature(payload["entries"]),
    )


def block(
    value: Sequence[float], standard_uncertainty: Sequence[float], verdict: Sequence[Verdict]
) -> bytes:
    """Return the bytes of one exam, 17 for each of its values; NaN where there is no number."""
    numbers = np.array([value, standard_uncertainty], dtype="<f8")
    return numbers.tobytes() + bytes(_VERDICTS.index(one) for one in verdict)


def layout_fields(count: int) -> np.dtype[np.void]:
    """Return the type of the block of one exam with `count` positions."""
    return np.dtype(
        [
            ("value", "<f8", (count,)),
            ("standard_uncertainty", "<f8", (count,)),
            ("verdict", "u1", (count,)),
        ]
    )


def unpack(blocks: Sequence[bytes], count: int) -> NDArray[np.void]:
    """Return blocks of one layout as an array (exams,) with the fields of `layout_fields`.

    Raises
    ------
    ValueError
        If a block is not of the length that `count` positions have.
    """
    fields = layout_fields(count)
    if any(len(one) != fields.itemsize for one in blocks):
        raise ValueError(f"a block of values is not {fields.itemsize} bytes long")
    return np.frombuffer(b"".join(blocks), dtype=fields)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
