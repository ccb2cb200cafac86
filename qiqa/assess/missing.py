"""What the protocol asks for and the exam does not answer."""

from __future__ import annotations

from qiqa.core.measurement import Assessment, Measurement, Verdict
from qiqa.core.protocol import Limit, Protocol

__all__ = ["unanswered"]


def unanswered(protocol: Protocol, measurements: tuple[Measurement, ...]) -> tuple[Assessment, ...]:
    """Return an open assessment for every limited measurement that no series gave.

    A reading that a person makes by eye is asked for and does not count against the exam; a
    missing required series does.
    """
    have = {(m.name, m.role) for m in measurements}
    by_eye = {entry.measurement for entry in protocol.entry if entry.measurement is not None}
    required = {series.role for series in protocol.series if series.required}
    answered = {
        name
        for limit in protocol.limit
        for name in limit.measurements
        if any((name, role) in have for role in limit.roles)
    }
    found: dict[str, Assessment] = {}
    for limit in protocol.limit:
        for name in limit.measurements:
            if name in found or name in answered:
                continue
            found[name] = _open(limit, name, name in by_eye, required)
    return tuple(found.values())


def _open(limit: Limit, name: str, by_eye: bool, required: set[str]) -> Assessment:
    roles = [role for role in limit.roles if role in required] or list(limit.roles)
    if by_eye:
        reason = "to be read by eye and entered (--enter)"
    else:
        reason = f"no {' or '.join(roles)} series in this exam"
    measurement = Measurement(
        name=name,
        quantity=name,
        unit=limit.unit,
        role=roles[0],
        reason=reason,
    )
    return Assessment(
        measurement=measurement,
        verdict=Verdict.NOT_EVALUATED,
        reason=reason,
        source=limit.source,
        confidence=limit.confidence,
        answered=by_eye or not set(roles) & required,
    )
