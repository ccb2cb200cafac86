"""`qiqa phantoms show`: geometry, groups, batches, and the values at the conditions of a scan."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

from qiqa.cli.console import say
from qiqa.cli.layout import Row, Section, table
from qiqa.core.arrangement import Arrangement, Group
from qiqa.core.certificate import Certified
from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import CertificateError
from qiqa.core.phantom import Phantom

__all__ = ["Conditions", "payload", "show"]

_SHOWN = {"mm²/s": (1e6, "µm²/s")}
"""Unit -> factor and unit for people."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """Of the scan that values are wanted for."""

    serial: str | None = None
    degc: float | None = None
    field_t: float | None = None

    @property
    def given(self) -> bool:
        """Whether values are wanted at all."""
        return any(x is not None for x in (self.serial, self.degc, self.field_t))


def show(phantom: Phantom, at: Conditions) -> None:
    """Print what a phantom is and, where conditions are given, its values.

    Raises
    ------
    CertificateError
        If no value is certified at these conditions.
    """
    values, refused = _values(phantom, at)
    say(f"{phantom.name} ({phantom.id})")
    say(f"file     {phantom.path}")
    say(f"source   {phantom.source}")
    say(f"frame    {phantom.frame}")
    say()
    if isinstance(phantom, Arrangement):
        _show_arrangement(phantom, with_tables=not at.given)
    elif isinstance(phantom, CylinderPhantom):
        size = phantom.body
        say(f"cylinder {size.inner_diameter_mm:g} mm, {size.inner_length_mm:g} mm long inside")
        say(f"inserts  {', '.join(i.name for i in phantom.insert)}")
    if values:
        say()
        _show_values(values)
    if refused:
        say()
        say("no value:")
        for what, why in refused:
            say(f"  {what}: {why}")


def payload(phantom: Phantom, at: Conditions) -> dict[str, Any]:
    """Return `qiqa.reference/1`.

    Raises
    ------
    CertificateError
        If conditions are given and no value is certified at them.
    """
    values, refused = _values(phantom, at)
    groups = phantom.group if isinstance(phantom, Arrangement) else ()
    batch = phantom.batch_of(at.serial) if isinstance(phantom, Arrangement) else None
    return {
        "schema": "qiqa.reference/1",
        "phantom": {"id": phantom.id, "name": phantom.name, "family": phantom.family},
        "files": [{"path": p, "sha256": h} for p, h in phantom.files(at.serial)],
        "serial": at.serial,
        "batch": None if batch is None else batch.name,
        "temperature_degc": at.degc,
        "field_strength_t": at.field_t,
        "groups": [{"name": g.name, "title": g.title, "labels": list(g.labels)} for g in groups],
        "values": [
            {
                "group": group,
                "insert": c.reference.insert,
                "quantity": c.reference.quantity,
                "value": c.reference.value,
                "standard_uncertainty": _finite(c.reference.standard_uncertainty),
                "unit": c.reference.unit,
                "per_degc": _finite(c.per_degc),
                "confidence": c.reference.confidence,
                "gives_verdict": c.gives_verdict,
                "source": c.reference.source,
            }
            for group, c in values
        ],
        "refused": [{"what": what, "why": why} for what, why in refused],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _show_arrangement(phantom: Arrangement, *, with_tables: bool) -> None:
    groups = tuple(Row(cells=_group_cells(group)) for group in phantom.group)
    table(("group", "what", "inserts", "inside", "order"), [Section(rows=groups)])
    if phantom.batch:
        say()
        rows = tuple(Row(cells=(b.name, b.span), remark=b.note or "") for b in phantom.batch)
        table(("batch", "serial numbers"), [Section(rows=rows)], remark="note")
    units = [s.serial for s in phantom.supplements]
    if units:
        say(f"units with values of their own: {', '.join(units)}")
    if with_tables and phantom.certificate:
        say()
        rows = tuple(
            Row(
                cells=(t.group, t.describe(), _span(t.temperature_degc), t.confidence),
                remark=t.note or "",
            )
            for t in phantom.certificate
        )
        columns = ("group", "certificate", "temperature", "confidence")
        table(columns, [Section(rows=rows)], remark="note")
        say("Values: give --serial, --temperature and --field")


def _group_cells(group: Group) -> tuple[str, ...]:
    order = "; ".join(
        f"{', '.join(names)} {way}"
        for names, way in ((group.falling, "fall"), (group.rising, "rise"))
        if names
    )
    inside = f"{group.inner_diameter_mm:g} mm {group.shape}"
    return group.name, group.title, str(len(group.labels)), inside, order


def _span(temperatures: tuple[float, ...]) -> str:
    if not temperatures:
        return "any"
    first, last = temperatures[0], temperatures[-1]
    return f"{first:g} °C" if first == last else f"{first:g} to {last:g} °C"


def _values(
    phantom: Phantom, at: Conditions
) -> tuple[list[tuple[str, Certified]], list[tuple[str, str]]]:
    """Return what is certified at the conditions, by group, and what is not and why."""
    if not at.given:
        return [], []
    if not isinstance(phantom, Arrangement):
        raise CertificateError(
            f"{phantom.id} has no certified values over temperature and field",
            where=phantom.path,
            hint="leave out --serial, --temperature and --field",
        )
    if at.degc is None:
        raise CertificateError(
            "values hold at a temperature, and none is given",
            where=phantom.id,
            hint="give --temperature, as measured in or at the phantom",
        )
    found: list[tuple[str, Certified]] = []
    refused: dict[tuple[str, str], CertificateError] = {}
    for group, quantity, insert in _asked(phantom):
        try:
            value = phantom.certified(
                group, quantity, insert, serial=at.serial, field_t=at.field_t, degc=at.degc
            )
        except CertificateError as error:
            refused.setdefault((group, quantity), error)
        else:
            found.append((group, value))
    # a content in percent holds always; alone it is no answer to a question for T1 at 30 °C
    if refused and all(c.reference.temperature_degc is None for _, c in found):
        raise next(iter(refused.values()))
    return found, [(f"{g} {q}", error.message) for (g, q), error in refused.items()]


def _asked(phantom: Arrangement) -> Iterator[tuple[str, str, str]]:
    """Yield group, quantity and insert of everything that some table certifies.

    All fiducials hold the same, so the first one stands for them.
    """
    for group in phantom.group:
        quantities = dict.fromkeys(t.quantity for t in phantom.certificate if t.group == group.name)
        for quantity in quantities:
            labels = group.labels[:1] if group.fiducials else group.labels
            yield from ((group.name, quantity, label) for label in labels)


def _show_values(values: list[tuple[str, Certified]]) -> None:
    sections = []
    for key in dict.fromkeys((group, c.reference.quantity) for group, c in values):
        own = [c for group, c in values if (group, c.reference.quantity) == key]
        factor, unit = _SHOWN.get(own[0].reference.unit, (1.0, own[0].reference.unit))
        sources = dict.fromkeys(c.reference.source for c in own)
        sections.append(
            Section(
                title=f"{key[0]}: {key[1]} [{unit}]",
                rows=tuple(_value_row(c, factor) for c in own),
                notes=tuple(sources),
            )
        )
    columns = ("insert", "value", "u", "u %", "confidence")
    table(columns, sections, right=(1, 2, 3), remark="verdict")


def _value_row(c: Certified, factor: float) -> Row:
    reference = c.reference
    u = reference.standard_uncertainty
    known = math.isfinite(u)
    return Row(
        cells=(
            reference.insert or "",
            f"{reference.value * factor:.5g}",
            f"{u * factor:.2g}" if known else "not stated",
            f"{100 * u / reference.value:.1f}" if known else "",
            reference.confidence,
        ),
        remark="" if c.gives_verdict else "none on accuracy",
    )
