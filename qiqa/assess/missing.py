"""What the protocol asks for and the exam does not answer."""

from __future__ import annotations

import dataclasses

from qiqa.core.measurement import Assessment, Measurement, Verdict
from qiqa.core.protocol import Limit, Protocol

__all__ = ["reopened", "unanswered"]


def unanswered(
    protocol: Protocol,
    measurements: tuple[Measurement, ...],
    not_found: tuple[str, ...] = (),
) -> tuple[Assessment, ...]:
    """Return an open assessment for every limited measurement that no series gave at all.

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
    have = {m.name for m in measurements} | {m.quantity for m in measurements if m.insert}
    by_eye = {entry.measurement for entry in protocol.entry if entry.measurement is not None}
    required = {series.role for series in protocol.series if series.required}
    found = []
    for name, own in _limits_by_name(protocol).items():
        if name in have:
            continue
        every = _roles(own)
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


def reopened(protocol: Protocol, assessments: tuple[Assessment, ...]) -> tuple[Assessment, ...]:
    """Return the assessments, those open again that were made on the wrong series only.

    Diameters measured on T2 are recorded, not judged; where the exam has no T1 series, which the
    protocol requires, the question they leave open counts against the exam.
    """
    have = {(a.measurement.name, a.measurement.role) for a in assessments}
    required = {series.role for series in protocol.series if series.required}
    lacking: dict[str, str] = {}
    for name, own in _limits_by_name(protocol).items():
        every = _roles(own)
        roles = [role for role in every if role in required]
        if roles and not any((name, role) in have for role in every):
            lacking[name] = " or ".join(roles)
    return tuple(
        dataclasses.replace(
            a,
            answered=False,
            reason=f"judged on {lacking[a.measurement.name]}, which this exam does not have",
        )
        if a.measurement.name in lacking and a.verdict is Verdict.NOT_EVALUATED and a.answered
        else a
        for a in assessments
    )


def _limits_by_name(protocol: Protocol) -> dict[str, list[Limit]]:
    """Return the limits on each measurement: there may be one a field strength and one a role."""
    limits: dict[str, list[Limit]] = {}
    for limit in protocol.limit:
        for name in limit.measurements:
            limits.setdefault(name, []).append(limit)
    return limits


def _roles(limits: list[Limit]) -> list[str]:
    return list(dict.fromkeys(role for limit in limits for role in limit.roles))


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
