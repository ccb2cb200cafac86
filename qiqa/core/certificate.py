"""Certified values over temperature, and what they are at the temperature and field of a scan."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from qiqa.core.errors import CertificateError
from qiqa.core.phantom import ReferenceValue

__all__ = ["Batch", "Certificate", "Certified"]

_NEAR_DEGC = 1.0
"""How far from a tabulated temperature the table's slope may carry where the next one is far."""
_WIDEST_DEGC = 5.0
"""Widest step between tabulated temperatures over which a straight line is drawn."""
_CARRIED_DEGC = 6.0
"""How far a known change with temperature carries a table of one temperature."""
_SLOPE_IN_DOUBT = 0.1
"""Relative standard uncertainty of a slope that is carried beyond the table's steps."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Units that were filled with the same solutions."""

    name: str
    serials: tuple[str, str]
    """First and last serial number, as text; empty: no end."""
    note: str | None = None

    def holds(self, serial: str) -> bool:
        """Say whether a serial number lies in this batch: same digits in front, number between."""
        number = _number(serial)
        low, high = (_number(end) for end in self.serials)
        if number is None or all(end is None for end in (low, high)):
            return False
        if any(end is not None and end[0] != number[0] for end in (low, high)):
            return False
        above = low is None or number[1] >= low[1]
        return above and (high is None or number[1] <= high[1])


def _number(serial: str) -> tuple[str, int] | None:
    """Return what stands before the last number of a serial, and that number.

    >>> _number("130-0093"), _number("none")
    (('130', 93), None)
    """
    head, _, tail = serial.strip().rpartition("-")
    return (head, int(tail)) if tail.isdigit() else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A certified value at the conditions of a scan."""

    reference: ReferenceValue
    per_degc: float
    """Change of the value with temperature [unit/°C]."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Values of one quantity in the inserts of a group, over temperature."""

    group: str
    quantity: str
    """`t1`, `t2`, `adc`, `pd`: the parameter of a signal model that it certifies."""
    unit: str
    batch: str | None = None
    """Name of the batch that it holds for; None: for every unit."""
    serial: str | None = None
    """The one unit that it holds for, where the maker measured that unit."""
    field_strength_t: tuple[float, float] | None = None
    """Lowest and highest field that it holds for; None: the quantity does not depend on field."""
    inserts: tuple[str, ...] = ()
    """Which insert each row belongs to; empty: all of the group, in their order."""
    temperature_degc: tuple[float, ...]
    value: tuple[tuple[float, ...], ...]
    """One row an insert, one column a temperature."""
    uncertainty: tuple[tuple[float, ...], ...] = ()
    """As printed, in the same shape; empty: not stated."""
    coverage_factor: float = 1.0
    """Printed uncertainty over standard uncertainty."""
    uncertainty_kind: str = ""
    """What the printed uncertainty holds, in words."""
    percent_per_degc: tuple[float, ...] = ()
    """Change with temperature of each row, for tables of one temperature; empty: unknown."""
    confidence: Literal["certified", "secondary", "unreliable"]
    """Only `certified` and `secondary` values give a verdict on accuracy."""
    unreliable: tuple[str, ...] = ()
    """Inserts whose entry contradicts other tables."""
    source: str
    note: str | None = None

    def holds(self, batch: str | None, serial: str | None, field_t: float | None) -> bool:
        """Say whether this table is for a unit of `batch` and `serial` at a field strength."""
        if self.serial is not None and self.serial != serial:
            return False
        if self.batch is not None and self.batch != batch:
            return False
        band = self.field_strength_t
        return band is None or (field_t is not None and band[0] <= field_t <= band[1])

    def at(self, insert: str, rows: tuple[str, ...], degc: float) -> Certified:
        """Return the value of an insert at a temperature, on a straight line between neighbors.

        Parameters
        ----------
        insert
            Its label.
        rows
            Labels of the group, for tables that do not name theirs.
        degc
            Temperature [°C].

        Raises
        ------
        CertificateError
            If the insert is not in the table or the temperature outside of what it certifies.
        """
        labels = self.inserts or rows
        if insert not in labels:
            raise CertificateError(f"the certificate has no value for {insert}", where=self.source)
        row = labels.index(insert)
        if len(self.temperature_degc) == 1:
            value, slope, extra = self._carried(row, degc)
        else:
            value, slope, extra = self._line(self.value[row], degc)
        printed = math.nan
        if self.uncertainty:
            columns = self.uncertainty[row]
            printed = columns[0] if len(columns) == 1 else self._line(columns, degc)[0]
            printed /= self.coverage_factor
        return Certified(
            reference=ReferenceValue(
                quantity=self.quantity,
                value=value,
                unit=self.unit,
                standard_uncertainty=math.hypot(printed, extra),
                confidence="unreliable" if insert in self.unreliable else self.confidence,
                source=self.source,
                insert=insert,
                temperature_degc=degc,
                field_strength_t=None if self.field_strength_t is None else _middle(self),
                batch=self.batch,
            ),
            per_degc=slope,
        )

    def _carried(self, row: int, degc: float) -> tuple[float, float, float]:
        """Return value, slope and doubt at another temperature than the only one in the table."""
        value, away = self.value[row][0], degc - self.temperature_degc[0]
        slope = value * self.percent_per_degc[row] / 100 if self.percent_per_degc else math.nan
        if away == 0.0:
            return value, slope, 0.0
        if not math.isfinite(slope) or abs(away) > _CARRIED_DEGC:
            raise self._outside(degc)
        return value + slope * away, slope, abs(_SLOPE_IN_DOUBT * slope * away)

    def _line(self, row: tuple[float, ...], degc: float) -> tuple[float, float, float]:
        """Return value, slope and the doubt that a slope carried too far adds."""
        t = self.temperature_degc
        last = len(t) - 2
        n = min(max(sum(degc >= x for x in t) - 1, 0), last)
        slope = (row[n + 1] - row[n]) / (t[n + 1] - t[n])
        near = min((n, n + 1), key=lambda i: abs(degc - t[i]))
        away = degc - t[near]
        inside = t[0] <= degc <= t[-1]
        if inside and t[n + 1] - t[n] <= _WIDEST_DEGC:
            return row[n] + slope * (degc - t[n]), slope, 0.0
        if not inside or abs(away) > _NEAR_DEGC:
            raise self._outside(degc)
        return row[near] + slope * away, slope, abs(_SLOPE_IN_DOUBT * slope * away)

    def _outside(self, degc: float) -> CertificateError:
        tabulated = ", ".join(f"{t:g}" for t in self.temperature_degc)
        return CertificateError(
            f"{degc:g} °C is outside of what the certificate holds ({tabulated} °C)",
            where=self.source,
            hint="scan at a certified temperature, or give the maker's values for this unit",
        )


def _middle(table: Certificate) -> float | None:
    band = table.field_strength_t
    return None if band is None else (band[0] + band[1]) / 2
