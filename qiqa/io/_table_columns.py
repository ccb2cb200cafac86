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

__all__ = ["SETTINGS", "Columns"]

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
_KNOWN = frozenset((*_EXAM, *SETTINGS, *(column.name for column in COLUMNS)))
_EMPTY = frozenset(("", "nan", "na", "n/a", "none", "null", "-", "not_evaluated"))


class Columns:
    """The columns of one file.

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
        self, raw: Mapping[str, Sequence[object]], mapped: dict[str, str], where: str
    ) -> None:
        self.where, self.findings = where, list[Finding]()
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
                hint=f"map it, for instance --column {missing[0].split()[0]}=COLUMN",
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
        return [_text(cell) or default for cell in self._raw[name]]

    @property
    def value_name(self) -> str:
        """The name of the column of values, where it was mapped."""
        return self._mapped.get("value", "")

    def numbers(self, role: str) -> FloatArray:
        """Return a column as numbers (rows,), NaN where it is empty, no number, or missing."""
        name = self._column(role)
        if name is None:
            return np.full(self.rows, math.nan)
        made, wrong = _numbers(self._raw[name])
        if wrong:
            row, text = wrong[0]
            self.tell(
                "not_a_number",
                f"{len(wrong)} of {self.rows} rows have no number in {name!r}, "
                f"first row {row + 2}: {text!r}",
                "they count as not measured",
            )
        return made

    def dates(self) -> NDArray[np.datetime64]:
        """Return when each row was acquired (rows,), NaT where it cannot be told."""
        name = self._column("acquired_at") or "acquired_at"
        made = np.full(self.rows, np.datetime64("NaT", "us"), dtype="datetime64[us]")
        wrong: list[tuple[int, str]] = []
        seen: dict[object, dt.datetime | None] = {}
        for i, cell in enumerate(self._raw[name]):
            if cell not in seen:
                seen[cell] = _moment(cell)
            moment = seen[cell]
            if moment is None:
                wrong.append((i, _text(cell)))
            else:
                made[i] = moment
        if wrong:
            row, text = wrong[0]
            self.tell(
                "no_date",
                f"{len(wrong)} of {self.rows} rows have no date in {name!r}, first row {row + 2}: "
                f"{text!r}",
                "write YYYY-MM-DD or YYYY-MM-DD hh:mm; these rows are left out",
            )
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
            values, wrong = _numbers(cells)
            stated = int(np.isfinite(values).sum())
            if stated and not wrong:
                made[name] = values
            else:
                unused.append(name)
        for role in self._mapped:
            if role not in _KNOWN:
                made[role] = self.numbers(role)
        if unused:
            self.findings.append(
                Finding(
                    code="columns_not_used",
                    severity=Severity.INFO,
                    message=f"columns not used: {', '.join(unused)}",
                    where=self.where,
                )
            )
        return made

    def tell(self, code: str, message: str, hint: str) -> None:
        """Note something that a person should know."""
        self.findings.append(
            Finding(
                code=code, severity=Severity.WARNING, message=message, where=self.where, hint=hint
            )
        )


def _text(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    text = str(cell).strip()
    # the exporter puts an apostrophe before what a spreadsheet would run
    return text[1:] if text[:1] == "'" and text[1:2] in "=+-@" else text


def _numbers(cells: Sequence[object]) -> tuple[FloatArray, list[tuple[int, str]]]:
    try:
        made = np.array(cells, dtype=np.float64)
        made[np.isinf(made)] = math.nan
    except (ValueError, TypeError):
        pass
    else:
        return made, []
    made = np.full(len(cells), math.nan)
    wrong = []
    for i, cell in enumerate(cells):
        text = _text(cell)
        if text.lower() in _EMPTY:
            continue
        try:
            value = float(text)
        except ValueError:
            wrong.append((i, text))
            continue
        made[i] = value if math.isfinite(value) else math.nan
    return made, wrong


def _moment(cell: object) -> dt.datetime | None:
    """Return a date of a table as wall-clock time; only forms that have one meaning."""
    if isinstance(cell, dt.datetime):
        return cell.replace(tzinfo=None)
    if isinstance(cell, dt.date):
        return dt.datetime(cell.year, cell.month, cell.day)
    text = _text(cell)
    if len(text) < 8:
        return None
    if 14 <= len(text) <= 20 and text.isdecimal():  # as DICOM writes it; a fraction may follow
        text = f"{text[:8]}T{text[8:14]}"
    try:
        return dt.datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None
