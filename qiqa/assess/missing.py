"""What the protocol asks for and the exam does not answer."""

from __future__ import annotations

from qiqa.core.measurement import Assessment, Measurement, Verdict
from qiqa.core.protocol import Limit, Protocol

__all__ = ["unanswered"]


def unanswered(
    protocol: Protocol,
    measurements: tuple[Measurement, ...],
    not_found: tuple[str, ...] = (),
) -> tuple[Assessment, ...]:
    """Return an open assessment for every limited measurement that no series gave.

    A reading that a person makes by eye is asked for and does not count against the exam; a
    missing required series does.

    Parameters
    ----------
    protocol
        What is asked for.
    measurements
        What there is, measured or not.
    not_found
        Names of series in which the phantom was not found: perhaps the missing one is among them.
    """
    have = {(m.name, m.role) for m in measurements}
    by_eye = {entry.measurement for entry in protocol.entry if entry.measurement is not None}
    required = {series.role for series in protocol.series if series.required}
    limits: dict[str, list[Limit]] = {}
    for limit in protocol.limit:
        for name in limit.measurements:
            limits.setdefault(name, []).append(limit)
    found = []
    for name, own in limits.items():
        # several limits may share a measurement: one a field strength, one a role
        every = list(dict.fromkeys(role for limit in own for role in limit.roles))
        if any((name, role) in have for role in every):
            continue
        roles = [role for role in every if role in required] or every
        if name in by_eye:
            reason = "to be read by eye and entered (--enter)"
        else:
            reason = f"no {' or '.join(roles)} series in this exam"
            if not_found:
                reason += f"; the phantom was not found in {', '.join(not_found)}"
        counts = name not in by_eye and bool(set(roles) & required)
        found.append(_open(own[0], name, roles[0], reason, counts=counts))
    return tuple(found)


def _open(limit: Limit, name: str, role: str, reason: str, *, counts: bool) -> Assessment:
    measurement = Measurement(
        name=name,
        quantity=name,
        unit=limit.unit,
        role=role,
        reason=reason,
    )
    return Assessment(
        measurement=measurement,
        verdict=Verdict.NOT_EVALUATED,
        reason=reason,
        source=limit.source,
        confidence=limit.confidence,
        answered=not counts,
    )
