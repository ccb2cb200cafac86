"""Names and units of parameters as people write them; numbers to go with them."""

from __future__ import annotations

import math

from qiqa.core.fit_evidence import FitEvidence, ParameterSummary
from qiqa.core.maps import FitStatus, ParameterMaps
from qiqa.report.numbers import DASH, decimals, fixed

__all__ = [
    "STATUS_WORDS",
    "amount",
    "left_out",
    "name_of",
    "noise_words",
    "percent",
    "shown_unit",
    "spread",
    "with_error",
]

_NAMES = {
    "adc": "ADC",
    "md": "Mean diffusivity",
    "fa": "Fractional anisotropy",
    "t1": "T1",
    "t2": "T2",
    "t2star": "T2*",
    "b1": "B1",
    "m0": "M0",
    "s0": "S0",
    "inversion_efficiency": "Inversion efficiency",
    "offset": "Offset",
}
_UNITS = {"mm²/s": (1e6, "µm²/s"), "1": (1.0, ""), "signal": (1.0, "signal units")}

STATUS_WORDS = {
    FitStatus.OUTSIDE: "outside the mask, not fitted",
    FitStatus.CONVERGED: "fitted",
    FitStatus.EXACT: "as many points as unknowns: an answer that cannot be checked",
    FitStatus.AT_BOUND: "best fit at or beyond a bound: the points do not tell the value",
    FitStatus.TOO_FEW_POINTS: "fewer points than unknowns",
    FitStatus.NON_FINITE: "NaN or infinity leaves too few points",
    FitStatus.SATURATED: "clipped pixels leave too few points",
    FitStatus.NOISE_FLOOR: "too few points stand out of the noise",
    FitStatus.SINGULAR: "the points cannot tell the unknowns apart, for instance no signal",
    FitStatus.NOT_CONVERGED: "the iteration did not settle",
}
"""What each status means for a person."""


def name_of(parameter: str) -> str:
    """Return the name of a parameter as it is written in sentences."""
    return _NAMES.get(parameter, parameter.replace("_", " "))


def shown_unit(unit: str) -> tuple[float, str]:
    """Return factor and name of the unit that people read.

    >>> shown_unit("mm²/s"), shown_unit("ms")
    ((1000000.0, 'µm²/s'), (1.0, 'ms'))
    """
    return _UNITS.get(unit, (1.0, unit))


def amount(value: float, unit: str, digits: int = 4) -> str:
    """Return a value in the unit that people read, without the unit.

    >>> amount(1.10925e-3, "mm²/s"), amount(871.26, "ms"), amount(21.4, "ms")
    ('1109', '871.3', '21.40')
    """
    shown = value * shown_unit(unit)[0]
    if not math.isfinite(shown):
        return DASH
    if shown == 0:
        return "0"
    return fixed(shown, max(decimals(shown, digits), 0))


def spread(item: ParameterSummary) -> str:
    """Return where 90 % of the voxels lie."""
    if not item.n:
        return DASH
    return f"{amount(item.p5, item.unit)} to {amount(item.p95, item.unit)}"


def with_error(value: float, error: float, unit: str) -> str:
    """Return value and standard error rounded alike, with the unit.

    >>> with_error(871.26, 3.4, "ms"), with_error(1.10925e-3, float("nan"), "mm²/s")
    ('871.3 ± 3.4 ms', '1109 µm²/s')
    """
    factor, name = shown_unit(unit)
    value, error = value * factor, error * factor
    if math.isfinite(value) and math.isfinite(error) and error > 0:
        places = max(decimals(error), 0)
        return f"{fixed(value, places)} ± {fixed(error, places)} {name}".rstrip()
    return f"{amount(value / factor, unit)} {name}".rstrip()


def percent(count: int, total: int) -> str:
    """Return a share: whole percents, tenths below 10 %, and never 0 or 100 for what is not."""
    if not total:
        return DASH
    share = 100.0 * count / total
    if 0 < share < 0.1:
        return "below 0.1 %"
    if 99.9 < share < 100:
        return "above 99.9 %"
    return f"{share:.1f} %" if share < 10 or (share > 99 and share < 100) else f"{share:.0f} %"


def left_out(maps: ParameterMaps) -> tuple[str, ...]:
    """Return in words how many points of voxels with an answer were left out, and why."""
    reasons = (
        (maps.n_clipped, "clipped by the scanner's number range"),
        (maps.n_floor, "at the noise floor"),
        (maps.n_non_finite, "NaN or infinite"),
    )
    answered = sum(n for status, n in maps.counts().items() if status.has_answer)
    total = answered * maps.n_points
    return tuple(
        f"{count:,} of the {total:,} points of voxels with answer, {percent(count, total)}: {why}"
        for count, why in reasons
        if count
    )


def noise_words(item: FitEvidence) -> str:
    """Return what the noise floor was judged by."""
    maps = item.maps
    if maps.noise_sd is None:
        return f"noise floor not judged ({maps.noise_source})"
    return f"noise SD {amount(maps.noise_sd, 'signal', 3)} signal units ({maps.noise_source})"
