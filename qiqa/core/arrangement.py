"""Spheres or tubes at known places: the geometry of quantitative phantoms.

All coordinates are millimetres in the phantom frame that the definition describes.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from qiqa.core.certificate import Batch, Certificate, Certified
from qiqa.core.errors import CertificateError
from qiqa.core.phantom import Phantom

__all__ = ["Arrangement", "Group", "Landmark", "Point"]

Point = tuple[float, float, float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Inserts of one kind that are imaged and read together: a plate, a ring of vials."""

    name: str
    title: str
    """Words for people."""
    shape: Literal["sphere", "tube"]
    inner_diameter_mm: float
    outer_diameter_mm: float
    length_mm: float | None = None
    """Inner length of a tube."""
    axis: Point = (0.0, 1.0, 0.0)
    """Direction of a tube; for spheres in a plane, the normal of that plane."""
    flat: bool = True
    """Whether all centers lie in one plane across `axis`, so that one slice shows them."""
    labels: tuple[str, ...]
    centers_mm: tuple[Point, ...]
    position_uncertainty_mm: float = 0.4
    """Standard uncertainty of a center."""
    content: tuple[float, ...] = ()
    """What orders the inserts, for instance concentration; equal numbers are equal fillings.
    Empty: 1, 2, 3, ..."""
    falling: tuple[str, ...] = ()
    """Quantities that fall as the content rises."""
    rising: tuple[str, ...] = ()
    """Quantities that rise with the content."""
    constant: tuple[str, ...] = ()
    """Quantities that are about the same in all inserts, whatever their content."""
    absent: tuple[str, ...] = ()
    """Labels of inserts that a unit may be built without."""
    fiducials: bool = False
    """Whether they mark places instead of holding values."""

    @property
    def contents(self) -> tuple[float, ...]:
        """What orders the inserts, one number each."""
        return self.content or tuple(float(n) for n in range(1, len(self.labels) + 1))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Landmark:
    """Something that tells the ways of placing a phantom apart: a post, a lug, a mark."""

    name: str
    group: str
    """In whose images it is seen."""
    center_mm: Point
    diameter_mm: float
    bright: bool = False
    """Whether it is brighter than what is around it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement(Phantom):
    """Inserts at known places, in groups."""

    group: tuple[Group, ...]
    landmark: tuple[Landmark, ...] = ()
    shell_diameter_mm: float | None = None
    """Inner diameter of the sphere or cylinder around them."""
    batch: tuple[Batch, ...] = ()
    certificate: tuple[Certificate, ...] = ()

    def find_group(self, name: str) -> Group:
        """Return the group called `name`.

        Raises
        ------
        KeyError
            Naming what there is.
        """
        for item in self.group:
            if item.name == name:
                return item
        raise KeyError(f"{self.id} has no group {name!r}; it has {[g.name for g in self.group]}")

    def batch_of(self, serial: str | None) -> Batch | None:
        """Return the batch of a serial number, None where none holds it."""
        if serial is None:
            return None
        return next((item for item in self.batch if item.holds(serial)), None)

    def certificates(
        self, group: str, quantity: str, serial: str | None, field_t: float | None
    ) -> tuple[Certificate, ...]:
        """Return the tables that hold for a unit at a field strength.

        Those of this very unit come first, then the more trusted ones, then those of its batch.
        """
        batch = self.batch_of(serial)
        fitting = [
            item
            for item in self.certificate
            if item.group == group
            and item.quantity == quantity
            and item.holds(None if batch is None else batch.name, serial, field_t)
        ]
        trust = ("certified", "secondary", "unreliable")
        return tuple(
            sorted(
                fitting,
                key=lambda t: (t.serial is None, trust.index(t.confidence), t.batch is None),
            )
        )

    def certified(
        self,
        group: str,
        quantity: str,
        insert: str,
        *,
        serial: str | None,
        field_t: float | None,
        degc: float,
    ) -> Certified:
        """Return the certified value of one insert at the conditions of a scan.

        The first of `certificates` that has the insert counts.

        Parameters
        ----------
        group, quantity, insert
            What is asked for.
        serial
            Serial number of the unit; None: not known, only tables for every unit count.
        field_t
            Field strength [T]; None: not known, only tables for any field count.
        degc
            Temperature [°C].

        Raises
        ------
        CertificateError
            If no table holds, or none at this temperature: what there is, and what to do.
        """
        table = self.table_for(group, quantity, insert, serial=serial, field_t=field_t)
        return table.at(insert, self.find_group(group).labels, degc, field_t)

    def table_for(
        self, group: str, quantity: str, insert: str, *, serial: str | None, field_t: float | None
    ) -> Certificate:
        """Return the table that counts for one insert: the first of `certificates` that has it.

        Parameters are those of `certified`.

        Raises
        ------
        CertificateError
            If no table holds: what there is, and what to do.
        """
        rows = self.find_group(group).labels
        for table in self.certificates(group, quantity, serial, field_t):
            if insert in (table.inserts or rows):
                return table
        raise self._uncertified(f"{quantity} of {insert}", group, quantity, serial, field_t)

    def _uncertified(
        self, what: str, group: str, quantity: str, serial: str | None, field_t: float | None
    ) -> CertificateError:
        field = "an unknown field strength" if field_t is None else f"{field_t:g} T"
        unit = "a unit of unknown serial number" if serial is None else f"unit {serial!r}"
        there = [t for t in self.certificate if (t.group, t.quantity) == (group, quantity)]
        held = dict.fromkeys(t.describe() for t in there)
        others = sorted({t.quantity for t in self.certificate if t.group == group})
        batches = [f"{b.name} ({b.span})" for b in self.batch]
        if not there:
            hint = "leave it unjudged, or add a certificate to the definition"
        elif self.batch and self.batch_of(serial) is None:
            hint = f"give the serial number of the unit; batches: {', '.join(batches)}"
        else:
            hint = "scan at a field that is certified, or import the maker's values for this unit"
        return CertificateError(
            f"no certificate of {self.id} gives {what} for {unit} at {field}; there is "
            + ("; ".join(held) or f"none of {quantity}, only of {', '.join(others) or 'nothing'}"),
            where=self.path or self.id,
            hint=hint,
        )
