"""Rounds of one phantom through many scanners, with what is true of them."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from qiqa.core.trial import Readings

REFERENCES = {"A": 0.4, "B": 0.8, "C": 1.1, "D": 1.6, "E": 2.0}


def rounds(
    rng: np.random.Generator,
    *,
    scanners: int = 8,
    visits: int = 4,
    repeats: int = 1,
    noise: float = 0.01,
    exam_sd: float = 0.003,
    bias: dict[int, float] | None = None,
    references: dict[str, float] = REFERENCES,
    stated: bool = True,
    own_units: bool = False,
    u: float = float("nan"),
    reference_u: float = 0.0,
    scanner_sd: float = 0.0,
    interaction_sd: float = 0.0,
    unit_sd: float = 0.0,
    per_vendor: int = 4,
    vendor_bias: tuple[float, ...] = (),
) -> Readings:
    """Return readings; all spreads and biases are shares of the reference."""
    columns: dict[str, list] = {
        key: []
        for key in ("scanner", "insert", "unit", "exam", "visit", "value", "reference", "maker")
    }
    for s in range(scanners):
        maker = s // per_vendor
        level = (bias or {}).get(s, 0.0) + scanner_sd * rng.standard_normal()
        level += vendor_bias[maker] if vendor_bias else 0.0
        level += unit_sd * rng.standard_normal() if own_units else 0.0
        mixed = interaction_sd * rng.standard_normal(len(references))
        for v in range(visits):
            day = exam_sd * rng.standard_normal()
            for i, (insert, reference) in enumerate(references.items()):
                for _ in range(repeats):
                    columns["scanner"].append(f"S{s:02d}")
                    columns["maker"].append(f"V{maker}")
                    columns["insert"].append(insert)
                    columns["unit"].append(f"U{s:02d}" if own_units else "U")
                    columns["exam"].append(f"S{s:02d} visit {v}")
                    columns["visit"].append(float(v))
                    share = 1 + level + day + mixed[i] + noise * rng.standard_normal()
                    columns["value"].append(reference * share)
                    columns["reference"].append(reference)
    n = len(columns["value"])
    text = {key: np.array(columns[key]) for key in ("scanner", "insert", "unit", "exam", "maker")}
    visit, value = np.array(columns["visit"]), np.array(columns["value"])
    reference = np.array(columns["reference"])
    order = np.char.replace(text["scanner"], "S", "").astype(int)
    days = (visit * 90 + order).astype(int)
    return Readings(
        name="adc",
        quantity="adc",
        unit="µm²/s",
        scanner=text["scanner"],
        site=text["scanner"],
        manufacturer=text["maker"],
        epoch=np.full(n, "", dtype="<U1"),
        insert=text["insert"],
        phantom_unit=text["unit"],
        exam=text["exam"],
        row=np.array([f"line {i + 2}" for i in range(n)]),
        at=(np.datetime64("2025-01-01", "D") + days).astype("datetime64[us]"),
        visit=visit,
        value=value,
        standard_uncertainty=u * reference if np.isfinite(u) else np.full(n, np.nan),
        reference=reference if stated else np.full(n, np.nan),
        reference_standard_uncertainty=reference_u * reference,
        temperature_degc=np.full(n, np.nan),
        distance_mm=np.full(n, np.nan),
        deviations=dict.fromkeys(text["exam"].tolist(), ()),
    )


COLUMNS = {
    "scanner": "scanner",
    "site": "site",
    "manufacturer": "manufacturer",
    "acquired_at": "at",
    "exam": "exam",
    "visit": "visit",
    "software": "epoch",
    "phantom_unit": "phantom_unit",
    "insert": "insert",
    "distance_mm": "distance_mm",
    "value": "value",
    "standard_uncertainty": "standard_uncertainty",
    "reference_value": "reference",
    "reference_standard_uncertainty": "reference_standard_uncertainty",
}
"""Column of a table -> field of the readings."""


def rows_of(readings: Readings) -> list[dict[str, object]]:
    """Return the rows of a table, one a reading; NaN is an empty cell."""
    columns = {name: getattr(readings, field).tolist() for name, field in COLUMNS.items()}
    if readings.deviations:
        kept = (readings.deviations.get(exam, ()) for exam in readings.exam.tolist())
        columns["deviations"] = ["; ".join(words) for words in kept]
    columns["acquired_at"] = np.datetime_as_string(readings.at, unit="s").tolist()
    same = {"name": readings.name, "quantity": readings.quantity, "unit": readings.unit}
    return [
        {
            **same,
            **{
                name: "" if isinstance(column[i], float) and column[i] != column[i] else column[i]
                for name, column in columns.items()
            },
        }
        for i in range(len(readings))
    ]


def write_rows(rows: list[dict[str, object]], path: Path, encoding: str = "utf-8") -> Path:
    """Write rows as CSV."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, names, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path
