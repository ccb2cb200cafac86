"""The table of values as pure text, for the page and for a terminal."""

from __future__ import annotations

import dataclasses
import math

from qiqa.core.measurement import Assessment, Verdict
from qiqa.core.protocol import Protocol
from qiqa.core.result import QcResult
from qiqa.report.numbers import DASH, decimals, fixed, plain_number, quantity_text, span_text
from qiqa.report.series_names import series_names
from qiqa.report.shown import shown
from qiqa.report.wording import wording

__all__ = ["TableRow", "table_rows"]

_WORDS = {
    Verdict.PASS: "Pass",
    Verdict.TOLERANCE: "Tolerance",
    Verdict.ACTION: "Action",
    Verdict.NOT_EVALUATED: "Not evaluated",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """One value in words, rounded by its uncertainty. Texts are not escaped."""

    name: str
    title: str
    short_title: str
    """Enough words beside a picture that has a title of its own."""
    meaning: str
    """What the number is, what its sign means and which way is better."""
    series: str
    """Role of the series in the protocol."""
    value_text: str
    """Value, or a dash where there is none."""
    unit_text: str
    uncertainty_text: str
    """95 % interval: `± U`, `[low, high]`, or a dash where none is stated."""
    reference_text: str
    deviation_text: str
    """Departure of an insert from its certified value in percent, or empty."""
    target_text: str
    """What passes, where the protocol has two levels (tolerance level); else a dash."""
    limit_text: str
    """What is allowed (action level), or a dash."""
    verdict: Verdict
    verdict_text: str
    """The verdict in one or two words; `Recorded` for a value that no limit applies to."""
    limited: bool
    """True where a limit applies, judged or not."""
    reason: str
    """Why there is no value or no verdict, or what to know."""
    assumptions: tuple[str, ...]

    @property
    def limits_text(self) -> str:
        """Both levels in one text."""
        if self.target_text == DASH:
            return self.limit_text
        return f"{self.target_text} (limit {self.limit_text})"

    @property
    def quantity(self) -> str:
        """Value, uncertainty and unit in one text."""
        if self.value_text == DASH:
            return DASH
        unit = f" {self.unit_text}" if self.unit_text else ""
        if self.uncertainty_text == DASH:
            return f"{self.value_text}{unit}"
        if self.uncertainty_text.endswith(" Hz"):
            return f"{self.value_text}{unit} {self.uncertainty_text}"
        if self.uncertainty_text.startswith(("±", "[")):
            return f"{self.value_text} {self.uncertainty_text}{unit}"
        return f"{self.value_text}{unit} ({self.uncertainty_text})"


def table_rows(result: QcResult) -> list[TableRow]:
    """Return one row an assessment, in the order of the result."""
    names = series_names(result.series)
    return [_row(shown(item), result.protocol, names) for item in result.assessments]


def _row(item: Assessment, protocol: Protocol, names: dict[str, str]) -> TableRow:
    m = item.measurement
    words = wording(m.name, m.insert)
    value, unit, uncertainty = quantity_text(m)
    target, limit = _limits(item, protocol)
    limited = item.action is not None or not item.answered
    return TableRow(
        name=m.name,
        title=words.title,
        short_title=words.short or words.title,
        meaning="; ".join(part for part in (words.meaning, words.direction) if part),
        series=names.get(m.stack or "", m.role or ""),
        value_text=value,
        unit_text=unit,
        uncertainty_text=uncertainty,
        reference_text=_reference(item),
        deviation_text=_deviation(item),
        target_text=target,
        limit_text=limit,
        verdict=item.verdict,
        verdict_text=_word(item),
        limited=limited,
        reason=_reason(item),
        assumptions=m.assumptions,
    )


def _word(item: Assessment) -> str:
    if item.verdict is Verdict.NOT_EVALUATED and item.answered:
        return "Recorded" if item.measurement.measured else "Not measured"
    return _WORDS[item.verdict]


def _reason(item: Assessment) -> str:
    m = item.measurement
    parts = [text for text in dict.fromkeys((item.reason, m.reason)) if text]
    if m.displacement is not None and math.isfinite(m.displacement):
        parts.append(f"slice displaced by {m.displacement:+.1f} mm")
    return "; ".join(parts)


def _reference(item: Assessment) -> str:
    reference = item.measurement.reference
    if reference is None:
        return DASH
    u = reference.standard_uncertainty
    if not math.isfinite(u) or u <= 0:
        return plain_number(reference.value)
    half = 1.96 * u
    places = decimals(half)
    return f"{fixed(reference.value, places)} ± {fixed(half, places)}"


def _deviation(item: Assessment) -> str:
    m = item.measurement
    if m.insert is None or m.reference is None or not m.measured or m.reference.value == 0:
        return ""
    return f"{100 * (m.value / m.reference.value - 1):+.1f} %"


def _limits(item: Assessment, protocol: Protocol) -> tuple[str, str]:
    """Return what passes, where there are two levels, and what is allowed."""
    if item.action is None:
        return DASH, DASH
    unit = item.measurement.unit
    limit = next((x for x in protocol.limit if x.id == item.rule), None)
    if limit is not None and limit.compares == "percent":
        outer = _percent(limit.action)
        return (DASH if limit.tolerance is None else _percent(limit.tolerance)), outer
    if any(math.isnan(end) for end in item.action):
        return DASH, DASH
    compares = "value" if limit is None else limit.compares
    action = _span(item.action, unit, compares)
    if item.tolerance is None or item.tolerance == item.action:
        return DASH, action
    return _span(item.tolerance, unit, compares), action


def _percent(pair: tuple[float, float]) -> str:
    low, high = pair
    return f"within ± {plain_number(high)} %" if low == -high else span_text(pair, "%")


def _span(span: tuple[float, float], unit: str, compares: str) -> str:
    low, high = span
    if compares == "magnitude" and math.isfinite(high):
        return f"within ± {plain_number(high)}"
    if compares == "value" and low == 0 and math.isfinite(high):
        # These quantities cannot be negative: zero is no limit.
        return f"at most {plain_number(high)}"
    return span_text((low, high), unit)
