"""What a phantom definition must hold beyond its structure: names that exist, lists that fit."""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Iterable, Mapping

from qiqa.core.arrangement import Arrangement, Group
from qiqa.core.certificate import Batch, Certificate, UnitCertificates
from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import DefinitionError

__all__ = ["check_arrangement", "check_cylinder", "check_unit"]

_UNITS = {"t1": "ms", "t2": "ms", "t2star": "ms", "adc": "mm²/s", "pd": "%"}
"""The one unit of a quantity; a certificate in another would judge wrongly, so it is refused."""
_CONDITIONS = ("group", "quantity", "batch", "serial", "confidence")
"""What else tables differ in, beside field and inserts, so that one of them can be chosen."""


def check_cylinder(phantom: CylinderPhantom, file: str) -> None:
    """Refuse inserts that share a name, or belong to a variant that is not there.

    Raises
    ------
    DefinitionError
        Naming the insert.
    """
    seen: set[tuple[str, str | None]] = set()
    for index, insert in enumerate(phantom.insert):
        where = f"{file}: insert[{index}]"
        if (insert.name, insert.variant) in seen:
            raise DefinitionError(f"second insert called {insert.name!r}", where=where)
        if insert.variant is not None and insert.variant not in phantom.variants:
            message = f"{insert.variant!r} is not one of {list(phantom.variants)}"
            raise DefinitionError(message, where=f"{where}.variant")
        seen.add((insert.name, insert.variant))


def check_arrangement(phantom: Arrangement, file: str) -> None:
    """Refuse groups, landmarks and certificates that do not fit each other.

    Raises
    ------
    DefinitionError
        Naming the entry, its value and what is allowed.
    """
    if not phantom.group:
        raise DefinitionError("there is no group of inserts", where=f"{file}: group")
    groups = {item.name: item for item in phantom.group}
    _no_twice((item.name for item in phantom.group), f"{file}: group", "group")
    labels = [label for item in phantom.group for label in item.labels]
    _no_twice(labels, f"{file}: group", "insert")
    for index, group in enumerate(phantom.group):
        _check_group(group, f"{file}: group[{index}]")
    if phantom.shell_diameter_mm is not None:
        _positive(phantom.shell_diameter_mm, f"{file}: shell_diameter_mm")
    _no_twice((item.name for item in phantom.landmark), f"{file}: landmark", "landmark")
    for index, mark in enumerate(phantom.landmark):
        _known(mark.group, groups, f"{file}: landmark[{index}].group")
        _positive(mark.diameter_mm, f"{file}: landmark[{index}].diameter_mm")
        _finite(mark.center_mm, f"{file}: landmark[{index}].center_mm")
    _no_twice((item.name for item in phantom.batch), f"{file}: batch", "batch")
    for index, batch in enumerate(phantom.batch):
        _check_batch(batch, f"{file}: batch[{index}]")
    batches = {item.name for item in phantom.batch}
    for index, table in enumerate(phantom.certificate):
        where = f"{file}: certificate[{index}]"
        _known(table.group, groups, f"{where}.group")
        if table.batch is not None:
            _known(table.batch, batches, f"{where}.batch")
        _check_certificate(table, groups[table.group], where)
    _check_rivals(phantom.certificate, groups, file)


def check_unit(unit: UnitCertificates, phantom: Arrangement) -> None:
    """Refuse the tables of a unit that do not fit its type of phantom.

    Raises
    ------
    DefinitionError
        Naming the file, the entry, its value and what is allowed.
    """
    groups = {item.name: item for item in phantom.group}
    if not unit.serial or unit.serial != unit.serial.strip():
        message = f"{unit.serial!r} must be the serial number as printed, without blanks around it"
        raise DefinitionError(message, where=f"{unit.path}: serial")
    if not unit.certificate:
        raise DefinitionError("there is no table", where=f"{unit.path}: certificate")
    for index, table in enumerate(unit.certificate):
        where = f"{unit.path}: certificate[{index}]"
        for name in ("serial", "batch"):
            given = getattr(table, name)
            if given is not None:
                message = f"{given!r}: the whole file is for unit {unit.serial!r}"
                raise DefinitionError(message, where=f"{where}.{name}", hint="leave it out")
        _known(table.group, groups, f"{where}.group")
        _check_certificate(table, groups[table.group], where)
    _check_rivals(unit.certificate, groups, unit.path)


def _check_rivals(tables: tuple[Certificate, ...], groups: Mapping[str, Group], file: str) -> None:
    """Refuse two tables that say something about the same insert at the same conditions."""
    for index, table in enumerate(tables):
        for before, other in enumerate(tables[:index]):
            if any(getattr(table, name) != getattr(other, name) for name in _CONDITIONS):
                continue
            one, two = (t.field_strength_t or (0.0, math.inf) for t in (table, other))
            labels = groups[table.group].labels
            both = set(table.inserts or labels) & set(other.inserts or labels)
            if both and one[0] <= two[1] and two[0] <= one[1]:
                raise DefinitionError(
                    f"{table.describe()} of {min(both)} stands in certificate[{before}] already",
                    where=f"{file}: certificate[{index}]",
                    hint="keep one; tables may differ in batch, field, inserts or confidence",
                )


def _positive(value: float, where: str) -> None:
    if not 0 < value < math.inf:
        raise DefinitionError(f"{value:g} must be above 0", where=where)


def _finite(values: Iterable[float], where: str) -> None:
    given = list(values)
    if not all(map(math.isfinite, given)):
        raise DefinitionError(f"{given} must be finite", where=where)


def _no_twice(names: Iterable[str], where: str, what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DefinitionError(f"second {what} called {name!r}", where=where)
        seen.add(name)


def _known(name: str, known: Iterable[str], where: str) -> None:
    names = sorted(known)
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else None
        raise DefinitionError(f"{name!r} is not one of {names}", where=where, hint=hint)


def _check_batch(batch: Batch, where: str) -> None:
    """Refuse serials that no unit can have or that run backwards."""
    first, last = batch.serials
    if not first and not last:
        message = "both ends are empty, so no unit belongs to it"
        raise DefinitionError(message, where=f"{where}.serials", hint="give at least one end")
    for serial in filter(None, (first, last)):
        head, _, number = serial.rpartition("-")
        if not head or not (number.isascii() and number.isdecimal()):
            message = f"{serial!r} is not like '130-0041': text, hyphen, number"
            raise DefinitionError(message, where=f"{where}.serials")
    if first and last and not batch.holds(first):
        message = f"{[first, last]} must have the same text in front and a rising number"
        raise DefinitionError(message, where=f"{where}.serials")


def _check_group(group: Group, where: str) -> None:
    n = len(group.labels)
    if n == 0:
        raise DefinitionError("a group needs at least one insert", where=f"{where}.labels")
    for name in ("centers_mm", "content"):
        given = len(getattr(group, name))
        if given != n and (given or name == "centers_mm"):
            message = f"{given} entries for {n} labels"
            raise DefinitionError(message, where=f"{where}.{name}")
    if not 0 < group.inner_diameter_mm <= group.outer_diameter_mm < math.inf:
        message = f"{group.inner_diameter_mm:g} mm must be above 0 and at most the outer diameter"
        raise DefinitionError(message, where=f"{where}.inner_diameter_mm")
    if not 0 < math.hypot(*group.axis) < math.inf:
        raise DefinitionError(f"{list(group.axis)} is no direction", where=f"{where}.axis")
    if group.length_mm is not None:
        _positive(group.length_mm, f"{where}.length_mm")
    if not 0 <= group.position_uncertainty_mm < math.inf:
        message = f"{group.position_uncertainty_mm:g} must be 0 or above"
        raise DefinitionError(message, where=f"{where}.position_uncertainty_mm")
    for index, center in enumerate(group.centers_mm):
        _finite(center, f"{where}.centers_mm[{index}]")
    ways = ("falling", "rising", "constant")
    for way, other in itertools.combinations(ways, 2):
        both = set(getattr(group, way)) & set(getattr(group, other))
        if both:
            message = f"{min(both)!r} cannot be {way} and {other}"
            raise DefinitionError(message, where=f"{where}.{other}")
    for label in group.absent:
        _known(label, group.labels, f"{where}.absent")
    nearest = min(
        (math.dist(a, b) for i, a in enumerate(group.centers_mm) for b in group.centers_mm[:i]),
        default=math.inf,
    )
    if nearest < group.inner_diameter_mm:
        message = f"two centers are {nearest:.1f} mm apart, less than the diameter"
        raise DefinitionError(message, where=f"{where}.centers_mm")


def _check_certificate(table: Certificate, group: Group, where: str) -> None:
    unit = _UNITS.get(table.quantity, table.unit)
    if table.unit != unit:
        message = f"{table.unit!r} is not the unit of {table.quantity}, which is {unit!r}"
        raise DefinitionError(message, where=f"{where}.unit", hint="convert the numbers")
    for name in ("inserts", "unreliable"):
        for label in getattr(table, name):
            _known(label, group.labels, f"{where}.{name}")
    _no_twice(table.inserts, f"{where}.inserts", "insert")
    steps = table.temperature_degc
    if any(b <= a for a, b in itertools.pairwise(steps)):
        raise DefinitionError(f"{list(steps)} must rise", where=f"{where}.temperature_degc")
    for name in ("value", "uncertainty"):
        given = getattr(table, name)
        if name == "value" or given:
            _check_rows(given, len(table.inserts or group.labels), steps, f"{where}.{name}")
    if table.uncertainty and len(table.uncertainty) != len(table.value):
        message = f"{len(table.uncertainty)} rows for {len(table.value)} rows of value"
        raise DefinitionError(message, where=f"{where}.uncertainty")
    band = table.field_strength_t
    if band is not None and not 0 < band[0] <= band[1]:
        message = f"{list(band)} must be [lowest, highest], above 0"
        raise DefinitionError(message, where=f"{where}.field_strength_t")
    _check_factors(table, where)


def _check_rows(
    given: tuple[tuple[float, ...], ...], n: int, steps: tuple[float, ...], where: str
) -> None:
    """Refuse a table that has not one row an insert, or one for all, with one number a column."""
    if len(given) not in (1, n):
        raise DefinitionError(
            f"{len(given)} rows for {n} inserts",
            where=where,
            hint="one row an insert, or a single row that holds for all of them",
        )
    for index, row in enumerate(given):
        if len(row) != max(len(steps), 1):
            message = f"{len(row)} values for {len(steps)} temperatures"
            hint = None if steps else "without temperatures a row has one value"
            raise DefinitionError(message, where=f"{where}[{index}]", hint=hint)
        if not (min(row) > 0 and math.isfinite(max(row))):
            message = f"{list(row)} must all be above 0 and finite"
            raise DefinitionError(message, where=f"{where}[{index}]")


def _check_factors(table: Certificate, where: str) -> None:
    """Refuse numbers out of range, and one that has no meaning without another."""
    if not 0 < table.coverage_factor < math.inf:
        message = f"{table.coverage_factor:g} must be above 0"
        raise DefinitionError(message, where=f"{where}.coverage_factor")
    for name in ("added_uncertainty_percent", "percent_per_degc_uncertainty", "carry_degc"):
        if not 0 <= getattr(table, name) < math.inf:
            message = f"{getattr(table, name):g} must be 0 or above"
            raise DefinitionError(message, where=f"{where}.{name}")
    if table.added_uncertainty_percent and not table.added_uncertainty_reason:
        message = "missing: an added uncertainty needs a reason"
        raise DefinitionError(message, where=f"{where}.added_uncertainty_reason")
    if table.percent_per_t and table.measured_at_t is None:
        message = "missing: a change with field needs the field it starts from"
        raise DefinitionError(message, where=f"{where}.measured_at_t")
    carried = table.percent_per_degc
    if (carried or table.carry_degc) and len(table.temperature_degc) != 1:
        message = f"only a table with one temperature is carried, not {len(table.temperature_degc)}"
        raise DefinitionError(message, where=f"{where}.percent_per_degc")
    if table.carry_degc and not carried:
        message = "missing: a table that is carried needs its change with temperature"
        raise DefinitionError(message, where=f"{where}.percent_per_degc")
    if carried and len(carried) not in (1, len(table.value)):
        message = f"{len(carried)} numbers for {len(table.value)} rows"
        raise DefinitionError(message, where=f"{where}.percent_per_degc")
    if table.confidence == "unreliable" and not table.note:
        message = "missing: a table that is not to be relied on needs the reason"
        raise DefinitionError(message, where=f"{where}.note")
    if table.unreliable and not table.note:
        message = f"missing: {list(table.unreliable)} need the reason why they are unreliable"
        raise DefinitionError(message, where=f"{where}.note")
