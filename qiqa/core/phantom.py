"""What every definition of a phantom has, and the values that measurements are compared with."""

from __future__ import annotations

import dataclasses

__all__ = ["Phantom", "ReferenceValue", "Supplement"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceValue:
    """A value that a measurement is compared with, and how well it is known."""

    quantity: str
    value: float
    unit: str
    standard_uncertainty: float
    confidence: str
    """`certified`, `design`, `measured` (on scans, stated where), `secondary`, or `unreliable`:
    contradicted elsewhere, shown but no ground for a verdict."""
    source: str
    insert: str | None = None
    temperature_degc: float | None = None
    field_strength_t: float | None = None
    batch: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Supplement:
    """A file that adds the values of one unit to the definition of its type."""

    path: str
    sha256: str
    serial: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Phantom:
    """A type of phantom, read from one TOML; each family has a class with its geometry."""

    schema: str
    id: str
    name: str
    family: str
    """Which module of qiqa.locate finds it."""
    frame: str
    """Words: what x, y and z mean."""
    source: str
    reference: tuple[ReferenceValue, ...] = ()
    path: str = ""
    sha256: str = ""
    supplements: tuple[Supplement, ...] = ()
    """Files with values of single units that were found beside it."""

    def files(self, serial: str | None) -> tuple[tuple[str, str], ...]:
        """Return path and SHA-256 of each file that says something about a unit.

        The values of other units change nothing for this one, so they are not among them.
        """
        own = [s for s in self.supplements if serial is not None and s.serial == serial.strip()]
        return ((self.path, self.sha256), *((s.path, s.sha256) for s in own))

    def reference_for(self, quantity: str, insert: str | None = None) -> ReferenceValue | None:
        """Return the reference value for a quantity, or None where none is stated."""
        for item in self.reference:
            if item.quantity == quantity and item.insert == insert:
                return item
        return None
