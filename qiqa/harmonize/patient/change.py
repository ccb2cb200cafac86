"""Is this change the patient? Tissue, scanners and phantoms in one budget."""

from __future__ import annotations

import math

from scipy import special

from qiqa.core.change import Change, ChangeAnswer, DatedValue, ScannerOnTheDay, Tissue
from qiqa.core.errors import UsageError
from qiqa.core.measurement import BudgetLine
from qiqa.harmonize.scanners.moves import stated_epoch
from qiqa.metrology.budget import combine, coverage_factor

__all__ = ["REAL_FROM", "is_it_the_patient"]

REAL_FROM = 0.975
"""Probability from which a change is called real: one in forty of no change is called one."""
_LN = 100.0


def is_it_the_patient(
    first: DatedValue,
    second: DatedValue,
    tissue: Tissue,
    states: tuple[ScannerOnTheDay, ScannerOnTheDay],
    *,
    phantom_within_days: float,
    position_u_percent: float | None = None,
    shared: float = 0.0,
) -> Change:
    """Return whether the difference of two values is more than tissue and scanners explain.

    Works on logarithms, so that an increase and the decrease back are the same size. On one
    scanner in one epoch its bias cancels; else the difference of biases is taken off, with its
    uncertainty. The probability is that of Student's t with a flat prior.

    Parameters
    ----------
    first, second
        The values; `second` may be earlier.
    tissue
        Its repeatability.
    states
        What phantoms say of the two scanners on the two days.
    phantom_within_days
        Days within which a phantom must have been scanned in the same epoch.
    position_u_percent
        Standard uncertainty of what gradients do off-center beyond what the phantom shows, for
        each scanner; None: not known.
    shared
        Covariance [%²] of the two biases: what both owe to the same inserts, phantom units and
        certificates cancels in what they differ by.

    Raises
    ------
    UsageError
        If the units differ, or a value is not above zero.
    """
    _check(first, second)
    one, two = states
    same = one.scanner == two.scanner and one.epoch == two.epoch
    observed = _LN * math.log(second.value / first.value)
    reasons = _obstacles(one, two, tissue, phantom_within_days, position_u_percent)
    lines = [
        _line(
            f"{tissue.name} repeatability (wCV {tissue.wcv_percent:.2g} %)",
            math.sqrt(2) * tissue.wcv_percent,
            tissue.degrees_of_freedom,
        )
    ]
    for state in states:
        if math.isfinite(state.exam_sd_percent):
            name = f"{state.scanner}: from phantom exam to exam"
            lines.append(_line(name, state.exam_sd_percent, state.exam_df))
    correction = 0.0
    if not same:
        # in logarithms, as the change is
        correction = _LN * math.log((100.0 + two.bias_percent) / (100.0 + one.bias_percent))
        lines += _bias_lines(one, two, shared)
        if position_u_percent is not None:
            lines.append(_line("off-center, both scanners", math.sqrt(2) * position_u_percent))
    lines.sort(key=lambda line: -line.standard_uncertainty)
    if reasons:
        return _refused(first, second, observed, lines, reasons)
    u, df = combine(tuple(lines))
    change = observed - correction
    k = coverage_factor(df)
    probability = float(special.stdtr(min(df, 1e9), abs(change) / u))
    return Change(
        answer=ChangeAnswer.REAL if probability >= REAL_FROM else ChangeAnswer.CANNOT_TELL,
        first=first,
        second=second,
        observed_percent=observed,
        correction_percent=correction,
        change_percent=change,
        standard_uncertainty=u,
        degrees_of_freedom=df,
        interval=(change - k * u, change + k * u),
        probability=probability,
        needed_percent=k * u,
        budget=tuple(lines),
        reasons=() if same else (_corrected(one, two, correction),),
    )


def _check(first: DatedValue, second: DatedValue) -> None:
    if first.unit != second.unit:
        raise UsageError(
            f"values are in {first.unit!r} and {second.unit!r}", hint="give both in one unit"
        )
    for value in (first, second):
        if not (math.isfinite(value.value) and value.value > 0):
            raise UsageError(f"{value.value:g} is not above zero", hint="percent needs that")


def _line(name: str, u: float, df: float = math.inf) -> BudgetLine:
    return BudgetLine(name=name, standard_uncertainty=u, degrees_of_freedom=df)


def _bias_lines(one: ScannerOnTheDay, two: ScannerOnTheDay, shared: float) -> list[BudgetLine]:
    """Return what is not known of the two biases, less in proportion what they share."""
    squares = [state.bias_u_percent**2 for state in (one, two)]
    total = sum(squares)
    left = 1.0
    if math.isfinite(shared) and math.isfinite(total) and total > 0.0:
        left = max(0.0, total - 2.0 * shared) / total
    return [
        _line(f"{state.scanner}: bias", math.sqrt(left * u2), state.bias_df)
        for state, u2 in zip((one, two), squares, strict=True)
        if math.isfinite(u2)
    ]


def _corrected(one: ScannerOnTheDay, two: ScannerOnTheDay, correction: float) -> str:
    what = "scanners" if one.scanner != two.scanner else "epochs"
    return f"{correction:+.2f} % is the difference of the biases of the two {what}, taken off"


def _obstacles(
    one: ScannerOnTheDay,
    two: ScannerOnTheDay,
    tissue: Tissue,
    within: float,
    position_u: float | None,
) -> tuple[str, ...]:
    """Return why the two values cannot be compared."""
    found = []
    for state in (one, two) if one != two else (one,):
        if not state.days_to_phantom <= within:
            nearest = (
                f"the nearest is {state.days_to_phantom:.0f} days away"
                if math.isfinite(state.days_to_phantom)
                else "there is none"
            )
            found.append(
                f"{state.scanner}: no phantom within {within:.0f} days in the same epoch; {nearest}"
            )
        if not math.isfinite(state.exam_sd_percent):
            found.append(
                f"{state.scanner}: no scanner was scanned twice: what a day does is not known"
            )
        if state.trouble:
            found.append(f"{state.scanner}: {state.trouble}")
    found = list(dict.fromkeys(found))
    beyond = sorted({s.scanner for s in (one, two) if not s.covers})
    if beyond:
        found.append(
            f"{' and '.join(beyond)}: the value lies outside what the phantom covers, where its "
            "bias is not known (is it in the unit of the phantom's readings?)"
        )
    same_settings = stated_epoch(one.epoch) == stated_epoch(two.epoch)
    if one.scanner == two.scanner and one.epoch != two.epoch and same_settings:
        found.append(
            f"{one.scanner} moved between the two, and no change of settings is on record: how "
            "much of that lies between them is not known (qiqa drift says what happened)"
        )
    if (one.scanner, one.epoch) == (two.scanner, two.epoch):
        return tuple(found)
    unknown = [
        s.scanner
        for s in (one, two)
        if not (math.isfinite(s.bias_percent) and math.isfinite(s.bias_u_percent))
    ]
    if unknown:
        what = "scanner" if one.scanner != two.scanner else "epoch"
        found.append(f"another {what}, and the bias of {' and '.join(unknown)} is not known")
    if one.scanner != two.scanner and tissue.off_center and position_u is None:
        found.append(
            f"another scanner, and {tissue.name} lies off-center, where a phantom at isocenter "
            "does not speak for it: gradients differ there by up to 10 % between vendors "
            "(Malyarenko 2013); state what is known with --position-u"
        )
    return tuple(found)


def _refused(
    first: DatedValue,
    second: DatedValue,
    observed: float,
    lines: list[BudgetLine],
    reasons: tuple[str, ...],
) -> Change:
    return Change(
        answer=ChangeAnswer.NOT_INTERPRETABLE,
        first=first,
        second=second,
        observed_percent=observed,
        correction_percent=math.nan,
        change_percent=math.nan,
        standard_uncertainty=math.nan,
        degrees_of_freedom=math.nan,
        interval=(math.nan, math.nan),
        probability=math.nan,
        needed_percent=math.nan,
        budget=tuple(lines),
        reasons=reasons,
    )
