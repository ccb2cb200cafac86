"""Rows of a table to series over time: grouped, sorted, without doubles."""

from __future__ import annotations

import json
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.canonical import digest
from qiqa.core.drift import Bounds, TimeSeries
from qiqa.io._table_columns import SETTINGS, Columns

__all__ = ["series_of"]

FloatArray = NDArray[np.float64]
_MOST_SLICES = 1_000_000
_KEY = (
    "scanner",
    "name",
    "insert",
    "slice",
    "role",
    "phantom",
    "phantom_unit",
    "protocol",
    "coil",
    "unit",
    "series_key",
)
"""Columns whose values must be the same for rows to share a chart."""


def series_of(table: Columns) -> tuple[TimeSeries, ...]:
    """Return one series for each scanner, measurement, phantom unit, protocol and coil."""
    if table.rows == 0:
        return ()
    at = table.dates()
    texts = {role: table.texts(role) for role in (*_KEY, *SETTINGS)}
    quantity = table.texts("quantity")
    if not table.has("name"):
        shown = table.value_name if not table.has("quantity") else ""
        texts["name"] = [shown or q for q in quantity]
    quantity = [q or n for q, n in zip(quantity, texts["name"], strict=True)]
    named = np.array([bool(s and n) for s, n in zip(texts["scanner"], texts["name"], strict=True)])
    if not named.all():
        line = table.line(int(np.flatnonzero(~named)[0]))
        message = f"{int((~named).sum())} rows name no scanner or no measurement, first line {line}"
        table.tell("no_name", message, "fill both in; these rows are left out")
    rows = _Rows(table, at, texts, quantity)
    groups: dict[tuple[str, ...], list[int]] = {}
    replaced = np.array([bool(text) for text in table.texts("superseded_by")])
    if replaced.any():
        message = f"{int(replaced.sum())} rows are of exams that another exam supersedes"
        table.note("superseded_rows", f"{message}: they are left out")
    usable = named & ~np.isnat(at) & ~replaced
    keys = zip(*(texts[role] for role in _KEY), strict=True)
    for i, (key, ok) in enumerate(zip(keys, usable.tolist(), strict=True)):
        if ok:
            groups.setdefault(key, []).append(i)
    made = tuple(rows.series(key, index) for key, index in sorted(groups.items()))
    rows.tell_doubles()
    return made


class _Rows:
    """All rows as columns, from which series are picked."""

    def __init__(
        self,
        table: Columns,
        at: NDArray[np.datetime64],
        texts: dict[str, list[str]],
        quantity: list[str],
    ) -> None:
        self.table, self.at, self.texts, self.quantity = table, at, texts, quantity
        self.value = table.numbers("value")
        self.uncertainty = table.numbers("standard_uncertainty")
        self.reference = table.numbers("reference_value")
        self.exam = table.texts("exam_id") if table.has("exam_id") else table.texts("exam")
        self.limits = table.texts("limits")
        self.bounds = {
            level: (table.numbers(f"{level}_low"), table.numbers(f"{level}_high"))
            for level in ("tolerance", "action")
        }
        self.covariates = table.covariates()
        self.same = 0
        self.averaged = 0
        self.told: set[str] = set()

    def series(self, key: tuple[str, ...], index: list[int]) -> TimeSeries:
        """Return the series of some rows, oldest first."""
        fields = dict(zip(_KEY, key, strict=True))
        rows = np.array(index)
        rows = rows[np.argsort(self.at[rows], kind="stable")]
        rows, value = self._once(rows)
        last = int(rows[-1])
        names = tuple(n for n, v in self.covariates.items() if np.isfinite(v[rows]).any())
        stated = [self.covariates[n][rows] for n in names]
        covariates = np.array(stated, dtype=np.float64).reshape(len(names), rows.size)
        return TimeSeries(
            scanner=fields["scanner"],
            name=fields["name"],
            quantity=self.quantity[last],
            unit=fields["unit"],
            at=self.at[rows],
            value=value,
            standard_uncertainty=self.uncertainty[rows],
            epoch=np.array([self._epoch(int(i)) for i in rows], dtype=np.str_),
            exam=np.array([self._exam(i) for i in rows.tolist()], dtype=np.str_),
            insert=fields["insert"],
            slice=self._slice(fields["slice"], last),
            role=fields["role"],
            phantom_unit=fields["phantom_unit"],
            series_key=fields["series_key"] or digest(fields)[:32],
            covariates=names,
            covariate_values=covariates,
            tolerance=self._limit("tolerance", last),
            action=self._limit("action", last),
            reference=float(self.reference[last]),
        )

    def _once(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], FloatArray]:
        """Return one row for each time, with the mean of values that differ at one time."""
        times = self.at[rows]
        if rows.size < 2 or bool(np.all(times[1:] != times[:-1])):
            return rows, self.value[rows]
        kept, value = [], []
        begins = np.flatnonzero(times[1:] != times[:-1]) + 1  # rows are in the order of time
        for group in np.split(rows, begins):
            values = self.value[group]
            finite = values[np.isfinite(values)]
            kept.append(int(group[0]))
            value.append(float(finite.mean()) if finite.size else math.nan)
            if group.size > 1:
                different = np.unique(finite).size > 1
                self.averaged += int(group.size) if different else 0
                self.same += 0 if different else int(group.size) - 1
        return np.array(kept), np.array(value)

    def tell_doubles(self) -> None:
        """Say how many rows were doubles or repeats."""
        if self.same:
            message = f"{self.same} rows repeat another of the same time and value"
            self.table.tell("doubles", message, "they are left out; were exams stored twice?")
        if self.averaged:
            message = f"{self.averaged} rows differ at one time: their mean is charted"
            self.table.tell(
                "repeats", message, "give a column that tells them apart (insert, slice, role)"
            )

    def _epoch(self, row: int) -> str:
        stated = [(role, self.texts[role][row]) for role in SETTINGS]
        return "; ".join(f"{role}={text}" for role, text in stated if text)

    def _exam(self, row: int) -> str:
        return self.exam[row] or f"line {self.table.line(row)}"

    def _slice(self, text: str, row: int) -> int:
        """Return the number of a slice; 0, told once, where it is none."""
        try:
            number = float(text or "0")
        except ValueError:
            number = math.nan
        if number.is_integer() and abs(number) < _MOST_SLICES:
            return int(number)
        if "slice" not in self.told:
            self.told.add("slice")
            message = f"{text!r} is no number of a slice, for instance line {self.table.line(row)}"
            hint = "write 1, 2, ...; a name of a place belongs into a column insert"
            self.table.tell("slice_unknown", message, hint)
        return 0

    def _limit(self, level: str, row: int) -> Bounds | None:
        """Return lowest and highest value of a level; None, told, where they cannot be used."""
        low, high = (float(column[row]) for column in self.bounds[level])
        if math.isfinite(low) or math.isfinite(high):
            pair: object = [
                low if math.isfinite(low) else None,
                high if math.isfinite(high) else None,
            ]
        else:
            pair = self._stated(level, row)
        made = _pair(pair)
        if pair is not None and made is None and level not in self.told:
            self.told.add(level)
            self.table.tell(
                "limits_unusable",
                f"{level} limits in line {self.table.line(row)} are not a low and a high number: "
                f"{str(pair)[:60]}",
                "low first, an end that is open left empty (null in JSON); no limit is taken there",
            )
        return made

    def _stated(self, level: str, row: int) -> object:
        """Return what the JSON of a measurement's limits says of a level."""
        text = self.limits[row]
        try:
            stated = json.loads(text or "null")
        except (ValueError, RecursionError):
            return text
        if stated is None:
            return None
        return stated.get(level) if isinstance(stated, dict) else text


def _pair(pair: object) -> Bounds | None:
    """Return two ends, None where they are not a low and a high number."""
    if not isinstance(pair, list) or len(pair) != 2:
        return None
    if not all(end is None or (type(end) in (int, float) and math.isfinite(end)) for end in pair):
        return None
    low, high = pair
    ends = (-math.inf if low is None else float(low), math.inf if high is None else float(high))
    return ends if ends[0] < ends[1] else None
