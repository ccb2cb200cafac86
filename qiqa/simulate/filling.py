"""What is in each insert: certified at temperature and field, given, or assumed."""

from __future__ import annotations

from qiqa.core.arrangement import Arrangement, Group
from qiqa.core.errors import UsageError
from qiqa.simulate.arrangement_spec import ArrangementSpec, Filling

__all__ = ["batch_name", "contents"]

_UNITS = {"t1": "t1_ms", "t2": "t2_ms", "pd": "pd", "adc": "adc_mm2_per_s"}
"""Quantity of a certificate -> field of a filling; certificates use the same units."""


def batch_name(phantom: Arrangement, spec: ArrangementSpec) -> str | None:
    """Return the batch whose certificates hold.

    Raises
    ------
    UsageError
        If the phantom has no batch of that name, or none that holds the serial number.
    """
    names = [batch.name for batch in phantom.batch]
    if spec.batch is not None:
        if spec.batch not in names:
            raise UsageError(f"batch is {spec.batch!r}, allowed is one of {names}", where="batch")
        return spec.batch
    if spec.serial is not None:
        found = phantom.batch_of(spec.serial)
        if found is None and names:
            raise UsageError(
                f"no batch of {phantom.id} holds serial {spec.serial!r}",
                where="serial",
                hint=f"name a batch instead: {names}",
            )
        return None if found is None else found.name
    return names[-1] if names else None


def contents(phantom: Arrangement, spec: ArrangementSpec) -> dict[str, tuple[Filling, bool]]:
    """Return the filling at each label's place, and whether any of it is certified.

    Swapped inserts have changed places; what is missing is still listed.

    Raises
    ------
    UsageError
        If a label that is swapped, missing or given is not in the phantom.
    CertificateError
        If the certificates do not hold at the temperature.
    """
    batch, given = batch_name(phantom, spec), dict(spec.fillings)
    found: dict[str, tuple[Filling, bool]] = {}
    for group in phantom.group:
        for label in group.labels:
            if label in given:
                found[label] = (given[label], False)
            elif group.fiducials:
                found[label] = (spec.uncertified, False)
            else:
                found[label] = _certified(phantom, spec, group, label, batch)
    known = [*found, *(mark.name for mark in phantom.landmark)]
    named = [*given, *spec.missing, *(label for pair in spec.swapped for label in pair)]
    for label in named:
        if label not in known:
            raise UsageError(f"{phantom.id} has no {label!r}", where="swapped, missing or fillings")
    for one, other in spec.swapped:
        if one not in found or other not in found:
            raise UsageError(f"{one!r} and {other!r} are not both inserts", where="swapped")
        found[one], found[other] = found[other], found[one]
    return found


def _certified(
    phantom: Arrangement, spec: ArrangementSpec, group: Group, label: str, batch: str | None
) -> tuple[Filling, bool]:
    """Return the filling that certificates state; what they do not, is `spec.uncertified`."""
    rest = spec.uncertified
    values = {name: getattr(rest, name) for name in _UNITS.values()}
    certified = False
    field = spec.scanner.field_strength_t
    tables = sorted(phantom.certificate, key=lambda item: item.serial is not None)
    for table in tables:  # that of the unit itself comes last and wins
        here = table.group == group.name and label in (table.inserts or group.labels)
        if here and table.quantity in _UNITS and table.holds(batch, spec.serial, field):
            at = table.at(label, group.labels, spec.temperature_degc)
            values[_UNITS[table.quantity]] = at.reference.value
            certified = True
    return Filling(**values), certified
