"""Columns of a table of values over time: which is which, texts to numbers and dates."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.core.finding import Finding, Severity
from qiqa.core.rows import COLUMNS
from qiqa.io._table_cells import Wrong, moment_of, numbers_of, text_of, texts_of

__all__ = ["SETTINGS", "Columns", "known_columns"]

FloatArray = NDArray[np.float64]

SETTINGS = ("epoch", "software", "sequence", "coil_elements", "protocol_version")
"""Columns that begin a new epoch where they change."""
_EXAM = (
    "scanner",
    "acquired_at",
    "exam",
    "exam_id",
    "phantom",
    "phantom_unit",
    "protocol",
    "coil",
    "site",
    "manufacturer",
    "visit",
    "distance_mm",
    "deviations",
    "scanner_label",
    "created_at",
    "created_by",
    "superseded_by",
    "displacement",
    "tolerance_low",
    "tolerance_high",
    "action_low",
    "action_high",
)
_STORED = frozenset(("created_at", "created_by"))
_KNOWN = frozenset((*_EXAM, *SETTINGS, *(column.name for column in COLUMNS)))


def known_columns() -> frozenset[str]:
    """Return the names that have a meaning; others are covariates or not used."""
    return _KNOWN


class Columns:
    """The columns of one file.

    Parameters
    ----------
    raw
        Name in the file -> cells.
    mapped
        Name that qiqa uses -> name in the file.
    where
        The file.
    lines
        Line of the file that each row stands in; None: one a row, below the names.
    comma
        Whether `1,5` may be one and a half.
    fixed
        Whether `mapped` is not for the person who gave the file to say.

    Attributes
    ----------
    rows
        How many rows there are.
    where
        The file.
    findings
        What was noticed so far.

    Raises
    ------
    UsageError
        If a column that is needed is not there.
    """

    def __init__(
        self,
        raw: Mapping[str, Sequence[object]],
        mapped: dict[str, str],
        where: str,
        *,
        lines: Sequence[int] | None = None,
        comma: bool = False,
        fixed: bool = False,
    ) -> None:
        self.where, self.findings = where, list[Finding]()
        self._lines, self._comma = lines, comma
        self._raw = dict(raw)
        self._mapped = mapped
        for role, name in mapped.items():
            if name not in raw:
                raise UsageError(
                    f"there is no column {name!r} for {role}; there are {', '.join(raw)}",
                    where=where,
                    hint="give --column NAME=COLUMN, with a name of qiqa first",
                )
        self.rows = len(next(iter(raw.values()), ()))
        missing = [role for role in ("scanner", "acquired_at", "value") if not self.has(role)]
        if not (self.has("name") or self.has("quantity") or "value" in mapped):
            missing.append("name (or quantity)")
        if missing:
            raise UsageError(
                f"there is no column {', '.join(missing)}; there are {', '.join(raw) or 'none'}",
                where=where,
                hint=f"name a column so: {missing[0].split()[0]}"
                if fixed
                else f"map it, for instance --column {missing[0].split()[0]}=COLUMN",
            )

    def _column(self, role: str) -> str | None:
        name = self._mapped.get(role, role)
        if name not in self._raw:
            return None
        if role not in self._mapped and name in self._mapped.values():
            return None  # given another role
        return name

    def has(self, role: str) -> bool:
        """Say whether there is a column for a name of qiqa."""
        return self._column(role) is not None

    def texts(self, role: str, default: str = "") -> list[str]:
        """Return a column as texts (rows,), `default` where it is empty or missing."""
        name = self._column(role)
        if name is None:
            return [default] * self.rows
        return [text or default for text in texts_of(self._raw[name])]

    def cells(self, row: int) -> tuple[object, ...]:
        """Return all cells of a row but those that say who stored it when."""
        return tuple(cells[row] for name, cells in self._raw.items() if name not in _STORED)

    def line(self, row: int) -> int:
        """Return the line of the file that a row stands in."""
        return row + 2 if self._lines is None else self._lines[row]

    @property
    def value_name(self) -> str:
        """The name of the column of values, where it was mapped."""
        return self._mapped.get("value", "")

    def numbers(self, role: str) -> FloatArray:
        """Return a column as numbers (rows,), NaN where it is empty, no number, or missing."""
        name = self._column(role)
        if name is None:
            return np.full(self.rows, math.nan)
        made, wrong, commas = numbers_of(self._raw[name], comma=self._comma)
        self._tell_numbers(name, wrong, commas)
        return made

    def _tell_numbers(self, name: str, wrong: Wrong, commas: int) -> None:
        if wrong:
            row, text = wrong[0]
            self.tell(
                "not_a_number",
                f"{len(wrong)} of {self.rows} rows have no number below 1e100 in {name!r}, "
                f"first line {self.line(row)}: {text!r}",
                "write 12.5 or leave it empty; these count as not measured",
            )
        if commas:
            message = f"{commas} of {self.rows} rows have a decimal comma in {name!r}"
            self.note("decimal_comma", f"{message}: read as a point")

    def dates(self) -> NDArray[np.datetime64]:
        """Return when each row was acquired (rows,), NaT where it cannot be told."""
        name = self._column("acquired_at") or "acquired_at"
        made = np.full(self.rows, np.datetime64("NaT", "us"), dtype="datetime64[us]")
        wrong: Wrong = []
        zoned = 0
        seen: dict[str, tuple[dt.datetime | None, bool]] = {}
        for i, cell in enumerate(self._raw[name]):
            text = str(cell)
            if text not in seen:
                seen[text] = moment_of(cell)
            moment, zone = seen[text]
            zoned += zone
            if moment is None:
                wrong.append((i, text_of(cell)))
            else:
                made[i] = moment
        if wrong:
            row, text = wrong[0]
            self.tell(
                "no_date",
                f"{len(wrong)} of {self.rows} rows have no date from 1970 on in {name!r}, "
                f"first line {self.line(row)}: {text!r}",
                "write YYYY-MM-DD or YYYY-MM-DD hh:mm; these rows are left out",
            )
        if zoned:
            message = f"{zoned} of {self.rows} rows have a time zone in {name!r}"
            self.note("time_zone", f"{message}: the clock time is taken as it stands before it")
        return made

    def covariates(self) -> dict[str, FloatArray]:
        """Return columns of numbers without another use; name those that cannot be used."""
        given = set(self._mapped.values())
        roles = {self._mapped.get(role) for role in self._mapped}
        made: dict[str, FloatArray] = {}
        unused = []
        for name, cells in self._raw.items():
            if name in given or (name in _KNOWN and name not in roles):
                continue
            values, wrong, commas = numbers_of(cells, comma=self._comma)
            stated = int(np.isfinite(values).sum())
            if stated > len(wrong):  # a slip or two do not make it a column of texts
                self._tell_numbers(name, wrong, commas)
                made[name] = values
            else:
                unused.append(name)
        for role in self._mapped:
            if role not in _KNOWN:
                made[role] = self.numbers(role)
        if unused:
            self.note("columns_not_used", f"columns not used: {', '.join(unused)}")
        return made

    def tell(self, code: str, message: str, hint: str) -> None:
        """Note something that a person should know."""
        self.findings.append(
            Finding(
                code=code, severity=Severity.WARNING, message=message, where=self.where, hint=hint
            )
        )

    def note(self, code: str, message: str) -> None:
        """Note something that is good to know."""
        self.findings.append(
            Finding(code=code, severity=Severity.INFO, message=message, where=self.where)
        )
