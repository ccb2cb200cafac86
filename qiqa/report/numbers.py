"""Numbers as text: rounded by their uncertainty, in the unit that people read.

A value is shown to the last place of its uncertainty, and the uncertainty with two significant
digits (GUM, JCGM 100:2008, 7.2.6). Hyphen, plus-minus and dash are the only signs, so that a
terminal with a Western code page can show them.
"""

from __future__ import annotations

import math

from qiqa.core.measurement import Interval, Measurement

__all__ = [
    "DASH",
    "decimals",
    "fixed",
    "plain_number",
    "quantity_text",
    "span_text",
    "unit_text",
]

DASH = "—"
"""Stands for a value that does not exist."""

_UNITS = {"1": "", "degC": "°C", "deg": "°", "degree": "°", "um": "µm"}
_LONGEST = 1e15
"""From here on digits say nothing: numbers are written with a power of ten."""
_MEGAHERTZ_FROM_HZ = 1e6
"""Frequencies from here on are shown in MHz, to 1 Hz."""


def decimals(uncertainty: float, digits: int = 2) -> int:
    """Return how many decimals show `digits` significant digits; negative: tens, hundreds.

    >>> decimals(0.0996), decimals(0.35), decimals(17.0), decimals(1234.0)
    (2, 2, 0, -2)
    """
    exponent = int(f"{abs(uncertainty):.{digits - 1}e}".partition("e")[2])
    return digits - 1 - exponent


def fixed(value: float, places: int) -> str:
    """Return `value` with `places` decimals; negative places round to tens and hundreds."""
    if math.isnan(value):
        return DASH
    if abs(value) >= _LONGEST:
        return f"{value:.4g}"
    text = f"{round(value, places):.{max(places, 0)}f}"
    return text[1:] if text.startswith("-") and not text.strip("-0.") else text


def plain_number(value: float, digits: int = 4) -> str:
    """Return a number without a stated uncertainty, such as a limit, as short as it is exact.

    >>> plain_number(87.5), plain_number(-3.0), plain_number(1234567.0), plain_number(0.0001)
    ('87.5', '-3', '1234567', '0.0001')
    """
    if math.isnan(value):
        return DASH
    if value == 0:
        return "0"
    if float(value).is_integer() and abs(value) < _LONGEST:
        return str(int(value))
    if 1e-5 < abs(value) < _LONGEST:
        return fixed(value, max(decimals(value, digits), 0)).rstrip("0").rstrip(".")
    return f"{value:.{digits}g}"


def unit_text(unit: str) -> str:
    """Return a unit as people write it; nothing for counts."""
    return _UNITS.get(unit, unit)


def quantity_text(measurement: Measurement) -> tuple[str, str, str]:
    """Return value, unit and 95 % uncertainty as texts, rounded to one place.

    The uncertainty is `± 0.35`, or `[low, high]` where the interval is not symmetric or discrete,
    or `u = 0.2` where only the standard uncertainty is known, or a dash.
    """
    value, unit = measurement.value, unit_text(measurement.unit)
    if not measurement.measured:
        return DASH, unit, DASH
    interval = measurement.interval
    if measurement.unit == "Hz" and abs(value) >= _MEGAHERTZ_FROM_HZ:
        return fixed(value / 1e6, 6), "MHz", _hertz(value, interval)
    if interval is None:
        u = measurement.standard_uncertainty
        if math.isnan(u) or u <= 0:
            return plain_number(value), unit, DASH
        places = decimals(u)
        return fixed(value, places), unit, f"u = {fixed(u, places)}"
    if interval.kind == "discrete":
        number, spread = plain_number(value), _ends(interval.low, interval.high)
    elif interval.kind == "scatter":
        # ends that differ by powers of ten share no decimals
        number, spread = f"{value:.2g}", f"[{interval.low:.2g}, {interval.high:.2g}]"
    else:
        number, spread = _with_interval(value, interval)
    # The page says 95 % once for all; another coverage is said where it occurs.
    other = (
        "" if interval.coverage == 0.95 or spread == DASH else f" ({100 * interval.coverage:.3g} %)"
    )
    return number, unit, spread + other


def _ends(low: float, high: float, places: int | None = None) -> str:
    if places is None:
        return f"[{plain_number(low)}, {plain_number(high)}]"
    return f"[{fixed(low, places)}, {fixed(high, places)}]"


def _with_interval(value: float, interval: Interval) -> tuple[str, str]:
    below, above = value - interval.low, interval.high - value
    finite = [part for part in (below, above) if math.isfinite(part) and part > 0]
    if not finite:
        return plain_number(value), DASH
    half = max(finite)
    places = decimals(half)
    # Half widths that differ by less than the rounding of two digits are one number.
    if len(finite) == 2 and abs(above - below) <= 0.05 * half:
        return fixed(value, places), f"± {fixed(half, places)}"
    if math.isinf(interval.high):
        return fixed(value, places), f"at least {fixed(interval.low, places)}"
    if math.isinf(interval.low):
        return fixed(value, places), f"at most {fixed(interval.high, places)}"
    return fixed(value, places), _ends(interval.low, interval.high, places)


def _hertz(value: float, interval: Interval | None) -> str:
    if interval is None:
        return DASH
    half = max(interval.high - value, value - interval.low)
    if not math.isfinite(half) or half <= 0:
        return DASH
    # Never less than the last digit shown of the frequency itself.
    return f"± {max(math.ceil(half), 1)} Hz" if half < 10 else f"± {fixed(half, decimals(half))} Hz"


def span_text(span: tuple[float, float], unit: str = "") -> str:
    """Return a range of allowed values in words.

    >>> span_text((-5.0, 5.0)), span_text((85.0, math.inf)), span_text((0.0, 3.0))
    ('-5 to 5', 'at least 85', '0 to 3')
    """
    factor, digits = (1.0, 4)
    largest = max((abs(end) for end in span if math.isfinite(end)), default=0.0)
    if unit == "Hz" and largest >= _MEGAHERTZ_FROM_HZ:
        factor, digits = (1e-6, 9)
    low, high = (plain_number(end * factor, digits) for end in span)
    if math.isinf(span[0]) and math.isinf(span[1]):
        return "any value"
    if math.isinf(span[0]):
        return f"at most {high}"
    if math.isinf(span[1]):
        return f"at least {low}"
    return f"{low} to {high}"
