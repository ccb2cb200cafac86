"""One measurement against the limits that hold for it."""

from __future__ import annotations

import math

from qiqa.core.measurement import Assessment, Measurement, Verdict
from qiqa.core.protocol import Limit, Protocol
from qiqa.metrology.budget import coverage_factor

__all__ = ["assess"]


def assess(
    measurement: Measurement,
    protocol: Protocol,
    field_strength_t: float | None,
    deviations: tuple[str, ...] = (),
) -> Assessment:
    """Judge one measurement.

    The value is compared with the levels as it is and its uncertainty is reported; only a limit
    marked `accuracy` asks for an expanded uncertainty of at most a third of it.

    Parameters
    ----------
    measurement
        What was measured, or why it was not.
    protocol
        Where the limits stand.
    field_strength_t
        Field of the scanner, for limits that depend on it.
    deviations
        How the acquisition differs from the protocol; some limits are then not applied.
    """
    name, role = measurement.name, measurement.role
    limits = protocol.limits_for(name, role, field_strength_t, _of_all_inserts(measurement))
    if not limits:
        return _without_limit(measurement, protocol, field_strength_t)
    limit = limits[0]
    levels = _levels(limit, measurement)
    if not measurement.measured:
        return _open(measurement, limit, levels, measurement.reason, answered=False)
    if deviations and limit.off_protocol == "record":
        reason = f"off protocol ({'; '.join(deviations)}): recorded, not judged"
        return _open(measurement, limit, levels, reason, answered=True)
    if limit.compares in ("deviation", "percent") and measurement.reference is None:
        why = next((a for a in measurement.assumptions if a.startswith("no ref")), None)
        return _open(measurement, limit, levels, why or "no reference value", answered=False)
    reference = measurement.reference
    if limit.accuracy and reference is not None and reference.confidence == "unreliable":
        words = "the certified value is unreliable: no verdict on accuracy"
        return _open(measurement, limit, levels, words, answered=True)
    inconclusive = _inconclusive(measurement, limit)
    if inconclusive:
        return _open(measurement, limit, levels, inconclusive, answered=False)
    return _judged(measurement, limit, levels)


def _of_all_inserts(measurement: Measurement) -> str | None:
    """Return the quantity that a limit on all inserts names, None for other measurements."""
    return None if measurement.insert is None else measurement.quantity


_Levels = tuple[tuple[float, float] | None, tuple[float, float]]


def _judged(measurement: Measurement, limit: Limit, levels: _Levels) -> Assessment:
    tolerance, action = levels
    value = measurement.value
    if not action[0] <= value <= action[1]:
        verdict = Verdict.ACTION
    elif tolerance is not None and not tolerance[0] <= value <= tolerance[1]:
        verdict = Verdict.TOLERANCE
    else:
        verdict = Verdict.PASS
    return Assessment(
        measurement=measurement,
        verdict=verdict,
        rule=limit.id,
        tolerance=tolerance,
        action=action,
        source=limit.source,
        confidence=limit.confidence,
        reason=_close_call(measurement, levels),
    )


def _close_call(measurement: Measurement, levels: _Levels) -> str | None:
    """Say so where the 95 % interval reaches across a level: the verdict could be the other."""
    interval = measurement.interval
    if interval is None:
        return None
    tolerance, action = levels
    for name, pair in (("limit", action), ("target", tolerance)):
        # a lower end of 0 only says that the quantity has no sign: there is no other verdict below
        for level in (level for level in pair or () if level != 0.0):
            if interval.low < level < interval.high:
                return f"close call: the uncertainty reaches across the {name} {level:.4g}"
    return None


def _open(
    measurement: Measurement, limit: Limit, levels: _Levels, reason: str | None, *, answered: bool
) -> Assessment:
    return Assessment(
        measurement=measurement,
        verdict=Verdict.NOT_EVALUATED,
        rule=limit.id,
        tolerance=levels[0],
        action=levels[1],
        source=limit.source,
        confidence=limit.confidence,
        reason=reason,
        answered=answered,
    )


def _without_limit(
    measurement: Measurement, protocol: Protocol, field_strength_t: float | None
) -> Assessment:
    names = {measurement.name, _of_all_inserts(measurement)}
    named = [item for item in protocol.limit if names & set(item.measurements)]
    here = [item for item in named if measurement.role in item.roles]
    answered = True
    if not named:
        reason = "no limit"
    elif not here:
        reason = f"judged on {', '.join(named[0].roles)} only"
    elif field_strength_t is None:
        reason, answered = "the limit depends on the field strength, which is unknown", False
    else:
        reason = f"no limit is defined at {field_strength_t:g} T"
    if not measurement.measured:
        reason = measurement.reason or reason
        answered = answered or not here
    return Assessment(
        measurement=measurement, verdict=Verdict.NOT_EVALUATED, reason=reason, answered=answered
    )


def _levels(limit: Limit, measurement: Measurement) -> _Levels:
    """Return tolerance and action levels in terms of the value itself."""

    def absolute(pair: tuple[float, float]) -> tuple[float, float]:
        if limit.compares == "deviation":
            center = math.nan if measurement.reference is None else measurement.reference.value
            return (center + pair[0], center + pair[1])
        if limit.compares == "percent":
            center = math.nan if measurement.reference is None else measurement.reference.value
            return (center * (1 + pair[0] / 100), center * (1 + pair[1] / 100))
        return (-pair[1], pair[1]) if limit.compares == "magnitude" else pair

    return (None if limit.tolerance is None else absolute(limit.tolerance), absolute(limit.action))


def _inconclusive(measurement: Measurement, limit: Limit) -> str | None:
    """Return why an accuracy verdict cannot be given, naming the line to buy down."""
    if not limit.accuracy or measurement.reference is None:
        return None
    u = math.hypot(measurement.standard_uncertainty, measurement.reference.standard_uncertainty)
    expanded = coverage_factor(measurement.degrees_of_freedom) * u
    allowed = min(abs(end) for end in limit.action if math.isfinite(end)) / 3
    if limit.compares == "percent":
        allowed *= abs(measurement.reference.value) / 100
    if expanded <= allowed:
        return None
    if not math.isfinite(expanded):
        return "inconclusive: the uncertainty of value or reference is unknown"
    lines = [(line.standard_uncertainty, line.name) for line in measurement.budget]
    reference = measurement.reference
    lines += [(line.standard_uncertainty, line.name) for line in measurement.reference_budget] or [
        (reference.standard_uncertainty, "reference value")
    ]
    of, unit = 100.0, measurement.unit
    if limit.compares == "percent" or unit == "mm²/s":
        of, unit = measurement.reference.value, "%"
    return (
        f"inconclusive: expanded uncertainty {100 * expanded / abs(of):.2g} {unit} is more than a "
        f"third of the limit ({100 * allowed / abs(of):.2g} {unit}); largest part: {max(lines)[1]}"
    )
