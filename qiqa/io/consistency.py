"""What a phantom definition must hold beyond its structure: names that exist, lists that fit."""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Iterable

from qiqa.core.arrangement import Arrangement, Group
from qiqa.core.certificate import Certificate
from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import DefinitionError

__all__ = ["check_arrangement", "check_cylinder"]


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
    for index, mark in enumerate(phantom.landmark):
        _known(mark.group, groups, f"{file}: landmark[{index}].group")
    batches = {item.name for item in phantom.batch}
    for index, table in enumerate(phantom.certificate):
        where = f"{file}: certificate[{index}]"
        _known(table.group, groups, f"{where}.group")
        if table.batch is not None:
            _known(table.batch, batches, f"{where}.batch")
        _check_certificate(table, groups[table.group], where)


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


def _check_group(group: Group, where: str) -> None:
    n = len(group.labels)
    if n == 0:
        raise DefinitionError("a group needs at least one insert", where=f"{where}.labels")
    for name in ("centers_mm", "content"):
        given = len(getattr(group, name))
        if given != n and (given or name == "centers_mm"):
            message = f"{given} entries for {n} labels"
            raise DefinitionError(message, where=f"{where}.{name}")
    if not 0 < group.inner_diameter_mm <= group.outer_diameter_mm:
        message = f"{group.inner_diameter_mm:g} mm must be above 0 and at most the outer diameter"
        raise DefinitionError(message, where=f"{where}.inner_diameter_mm")
    if math.hypot(*group.axis) == 0:
        raise DefinitionError("(0, 0, 0) is no direction", where=f"{where}.axis")
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
    rows = table.inserts or group.labels
    for label in (*table.inserts, *table.unreliable):
        _known(label, group.labels, f"{where}.inserts")
    steps = table.temperature_degc
    if not steps or any(b <= a for a, b in itertools.pairwise(steps)):
        raise DefinitionError(f"{list(steps)} must rise", where=f"{where}.temperature_degc")
    for name in ("value", "uncertainty"):
        given = getattr(table, name)
        if name == "uncertainty" and not given:
            continue
        if len(given) != len(rows):
            message = f"{len(given)} rows for {len(rows)} inserts"
            raise DefinitionError(message, where=f"{where}.{name}")
        for index, row in enumerate(given):
            if len(row) != len(steps):
                message = f"{len(row)} values for {len(steps)} temperatures"
                raise DefinitionError(message, where=f"{where}.{name}[{index}]")
            if min(row) <= 0:
                message = f"{min(row):g} must be above 0"
                raise DefinitionError(message, where=f"{where}.{name}[{index}]")
    if table.percent_per_degc and len(table.percent_per_degc) != len(rows):
        message = f"{len(table.percent_per_degc)} entries for {len(rows)} inserts"
        raise DefinitionError(message, where=f"{where}.percent_per_degc")
    if not table.coverage_factor > 0:
        message = f"{table.coverage_factor:g} must be above 0"
        raise DefinitionError(message, where=f"{where}.coverage_factor")
