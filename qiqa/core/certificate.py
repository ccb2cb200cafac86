"""Certified values over temperature, and what they are at the temperature and field of a scan.

A value is what the certificate says at the temperature of the scan. Its standard uncertainty is
the printed one over its coverage factor, with what the certificate leaves out added in
quadrature: a component that the definition states with its reason, the doubt of carrying a value
to another temperature, and the change from the field of the certificate to that of the scan.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from qiqa.core.errors import CertificateError
from qiqa.core.phantom import ReferenceValue

__all__ = ["Batch", "Certificate", "Certified", "UnitCertificates"]

_NEAR_DEGC = 1.0
"""How far from a tabulated temperature the table's slope may carry where the next one is far."""
_WIDEST_DEGC = 5.0
"""Widest step between tabulated temperatures over which a straight line is drawn."""
_ROUNDING_DEGC = 1e-9
"""20.1 - 15.1 is not quite 5 in binary."""
_SLOPE_IN_DOUBT = 0.1
"""Relative standard uncertainty of a slope that is carried beyond the table's steps."""
_TRUSTED = ("certified", "secondary")
"""How sure a value must be to judge by."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Units that were filled with the same solutions."""

    name: str
    serials: tuple[str, str]
    """First and last serial number, as text; empty: no end."""
    note: str | None = None

    @property
    def span(self) -> str:
        """First and last serial number in words."""
        first, last = self.serials
        if not first:
            return f"up to {last}"
        if first == last:
            return f"only {first}"
        return f"{first} to {last}" if last else f"from {first} on"

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
    return (head, int(tail)) if tail.isascii() and tail.isdecimal() else None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A certified value at the conditions of a scan."""

    reference: ReferenceValue
    per_degc: float
    """Change of the value with temperature [unit/°C]; NaN where it is not known."""

    @property
    def gives_verdict(self) -> bool:
        """Whether a measurement may be judged by it: a value to trust, with its uncertainty."""
        reference = self.reference
        return reference.confidence in _TRUSTED and math.isfinite(reference.standard_uncertainty)


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
    measured_at_t: float | None = None
    """Field of the measurement behind it."""
    percent_per_t: float = 0.0
    """How the values change with field, roughly; the change from `measured_at_t` to the field of
    a scan is taken into the uncertainty and not corrected."""
    inserts: tuple[str, ...] = ()
    """Which insert each row belongs to; empty: all of the group, in their order."""
    temperature_degc: tuple[float, ...] = ()
    """Rising; empty: the quantity does not depend on temperature, and a row has one value."""
    value: tuple[tuple[float, ...], ...]
    """One row an insert, one column a temperature; a single row holds for every insert."""
    uncertainty: tuple[tuple[float, ...], ...] = ()
    """As printed, in the same shape; empty: not stated."""
    coverage_factor: float = 1.0
    """Printed uncertainty over standard uncertainty."""
    uncertainty_kind: str = ""
    """What the printed uncertainty holds, in words."""
    added_uncertainty_percent: float = 0.0
    """Relative standard uncertainty for what the printed one leaves out."""
    added_uncertainty_reason: str = ""
    """What that is, and where its size comes from."""
    percent_per_degc: tuple[float, ...] = ()
    """Change with temperature of a table with one temperature, for each row or one for all."""
    percent_per_degc_uncertainty: float = 0.0
    """Standard uncertainty of that change."""
    carry_degc: float = 0.0
    """How far from its temperature such a table may be carried."""
    confidence: Literal["certified", "secondary", "unreliable"]
    """Only `certified` and `secondary` values give a verdict on accuracy."""
    unreliable: tuple[str, ...] = ()
    """Inserts whose entry contradicts other tables."""
    source: str
    note: str | None = None

    def holds(self, batch: str | None, serial: str | None, field_t: float | None) -> bool:
        """Say whether this table is for a unit of `batch` and `serial` at a field strength."""
        if self.serial is not None and (serial is None or self.serial != serial.strip()):
            return False
        if self.batch is not None and self.batch != batch:
            return False
        band = self.field_strength_t
        return band is None or (field_t is not None and band[0] <= field_t <= band[1])

    def describe(self) -> str:
        """Return in words what it is for.

        >>> Certificate(
        ...     group="T1", quantity="t1", unit="ms", batch="2", field_strength_t=(2.8, 3.1),
        ...     value=((1.0,),), confidence="certified", source="s",
        ... ).describe()
        't1 (batch 2, 2.8 to 3.1 T)'
        """
        unit = f"unit {self.serial}" if self.serial else f"batch {self.batch}" if self.batch else ""
        band = self.field_strength_t
        field = f"{band[0]:g} to {band[1]:g} T" if band else ""
        conditions = ", ".join(filter(None, (unit, field))) or "every unit and field"
        return f"{self.quantity} ({conditions})"

    def at(
        self, insert: str, rows: tuple[str, ...], degc: float, field_t: float | None = None
    ) -> Certified:
        """Return the value of an insert at a temperature, on a straight line between neighbors.

        Parameters
        ----------
        insert
            Its label.
        rows
            Labels of the group, for tables that do not name theirs.
        degc
            Temperature [°C].
        field_t
            Field of the scan [T]; None: as in the certificate.

        Raises
        ------
        CertificateError
            If the insert is not in the table or the temperature outside of what it certifies.
        """
        labels = self.inserts or rows
        if insert not in labels:
            raise CertificateError(f"the certificate has no value for {insert}", where=self.source)
        row = 0 if len(self.value) == 1 else labels.index(insert)
        value, slope, carried = self._line(row, degc)
        return Certified(
            reference=ReferenceValue(
                quantity=self.quantity,
                value=value,
                unit=self.unit,
                standard_uncertainty=math.hypot(
                    self._stated(row, value, degc), carried, self._by_field(value, field_t)
                ),
                confidence="unreliable" if insert in self.unreliable else self.confidence,
                source=self.source,
                insert=insert,
                temperature_degc=degc if self.temperature_degc else None,
                field_strength_t=self.measured_at_t,
                batch=self.batch,
            ),
            per_degc=slope,
        )

    def _stated(self, row: int, value: float, degc: float) -> float:
        """Return the standard uncertainty that certificate and definition state; NaN: none."""
        added = self.added_uncertainty_percent / 100 * value
        if not self.uncertainty:
            return added if added > 0 else math.nan
        # past the end of the table the last uncertainty is kept: it has no slope to follow
        t = self.temperature_degc
        inside = min(max(degc, t[0]), t[-1]) if t else degc
        printed = _between(t, self.uncertainty[row], inside)[0] / self.coverage_factor
        return math.hypot(printed, added)

    def _by_field(self, value: float, field_t: float | None) -> float:
        if field_t is None or self.measured_at_t is None:
            return 0.0
        return abs(self.percent_per_t / 100 * (field_t - self.measured_at_t) * value)

    def _line(self, row: int, degc: float) -> tuple[float, float, float]:
        """Return value, slope and the doubt that carrying it beyond the table's steps adds."""
        t, values = self.temperature_degc, self.value[row]
        if not math.isfinite(degc) and t:
            raise self._outside(degc)
        if len(t) < 2:
            return self._carried(row, degc)
        value, slope, n = _between(t, values, degc)
        near = min((n, n + 1), key=lambda i: abs(degc - t[i]))
        away = degc - t[near]
        inside = t[0] <= degc <= t[-1]
        if inside and t[n + 1] - t[n] <= _WIDEST_DEGC + _ROUNDING_DEGC:
            return value, slope, 0.0
        if not inside or abs(away) > _NEAR_DEGC:
            raise self._outside(degc)
        return values[near] + slope * away, slope, abs(_SLOPE_IN_DOUBT * slope * away)

    def _carried(self, row: int, degc: float) -> tuple[float, float, float]:
        """Return the same for a table with one temperature or none."""
        value = self.value[row][0]
        if not self.temperature_degc:
            return value, 0.0, 0.0
        away = degc - self.temperature_degc[0]
        if abs(away) > self.carry_degc + 1e-6:
            raise self._outside(degc)
        if not self.percent_per_degc:
            return value, math.nan, 0.0
        change = self.percent_per_degc[row if len(self.percent_per_degc) > 1 else 0]
        slope = change / 100 * value
        doubt = abs(self.percent_per_degc_uncertainty / 100 * value * away)
        return value + slope * away, slope, doubt

    def _outside(self, degc: float) -> CertificateError:
        tabulated = ", ".join(f"{t:g}" for t in self.temperature_degc)
        carried = f", carried by at most {self.carry_degc:g} °C" if self.carry_degc else ""
        return CertificateError(
            f"{degc:g} °C is outside of what the certificate holds ({tabulated} °C{carried})",
            where=self.source,
            hint="scan at a certified temperature, or give the maker's values for this unit",
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UnitCertificates:
    """The tables of one unit, in a file of their own beside the definition of its type."""

    schema: str
    phantom: str
    """Id of the type of phantom."""
    serial: str
    """Serial number of the unit, as the certificate prints it."""
    certificate: tuple[Certificate, ...]
    path: str = ""
    sha256: str = ""


def _between(
    t: tuple[float, ...], values: tuple[float, ...], degc: float
) -> tuple[float, float, int]:
    """Return the value on the line of the step that holds `degc`, its slope, and that step."""
    if len(t) < 2:
        return values[0], 0.0, 0
    n = min(max(sum(degc >= x for x in t) - 1, 0), len(t) - 2)
    slope = (values[n + 1] - values[n]) / (t[n + 1] - t[n])
    return values[n] + slope * (degc - t[n]), slope, n
