"""What `qiqa trial report` prints: who is out, what is wrong, then everybody."""

from __future__ import annotations

from qiqa.cli.console import one_line, say, say_parts
from qiqa.cli.layout import Row, Section, table
from qiqa.core.counting import so_many
from qiqa.core.programme import TrialState
from qiqa.core.trial import BiasStudy, ClaimAnswer, Flag, ScannerBias
from qiqa.report.numbers import plain_number
from qiqa.report.trial_text import (
    ANSWERS,
    bias_text,
    certificates_line,
    headline,
    interval_text,
    since_text,
)

__all__ = ["tell"]

_ORDER = (ClaimAnswer.OUT, ClaimAnswer.NOT_ENOUGH_DATA, ClaimAnswer.IN, None)
_STYLES = {ClaimAnswer.OUT: "bold red", ClaimAnswer.NOT_ENOUGH_DATA: "yellow"}
_MOST_FLAGS = 20
_MOST_EXCHANGES = 3


def tell(state: TrialState, *, to_error: bool = False) -> None:
    """Print each measurement: headline, scanners worst first, where scatter comes from, flags."""
    for study in state.studies:
        say(one_line(headline(study)), style="bold", to_error=to_error)
        _flags(study.flags, to_error)
        _scanners(study, to_error)
        _explained(study, to_error)
        say(certificates_line(state.certificates, study.name), to_error=to_error)
        say("", to_error=to_error)
    _flags(state.flags, to_error)
    if not state.studies:
        say("nothing could be studied", style="bold", to_error=to_error)


def _scanners(study: BiasStudy, to_error: bool) -> None:
    ranked = sorted(study.scanners, key=lambda s: (not s.current, _ORDER.index(s.claim), s.scanner))
    rows = tuple(_row(one) for one in ranked if one.current)
    past = tuple(_row(one) for one in ranked if not one.current)
    unit = f"bias [{study.unit}]" if study.unit else "bias"
    columns = ("scanner", "answer", unit, "95 % interval", "exams", "since")
    sections = [Section(rows=rows)]
    if past:
        sections.append(Section(rows=past, title="earlier epochs"))
    table(columns, sections, remark="why", right=(2, 4), to_error=to_error)


def _row(one: ScannerBias) -> Row:
    return Row(
        cells=(
            one_line(one.scanner, 40),
            ANSWERS[one.claim] if one.claim is not None else "",
            bias_text(one),
            interval_text(one),
            str(one.exams),
            since_text(one),
        ),
        style=_STYLES.get(one.claim) if one.claim is not None else None,
        styled=1,
        remark=one.reason if one.claim in (ClaimAnswer.OUT, ClaimAnswer.NOT_ENOUGH_DATA) else "",
    )


def _explained(study: BiasStudy, to_error: bool) -> None:
    parts = [f"{c.name} {plain_number(c.sd, 2)}" for c in study.components]
    unit = f" [{study.unit}]" if study.unit else ""
    say(f"SD{unit}: {', '.join(parts)}", to_error=to_error)
    say(f"vendors: {one_line(study.vendor.reason)}", to_error=to_error)
    for exchange in study.exchanges[:_MOST_EXCHANGES]:
        say(
            f"to tell scanners from phantoms: scan unit {one_line(exchange.phantom_unit)} on "
            f"{one_line(exchange.scanner)} ({exchange.reason})",
            to_error=to_error,
        )
    if len(study.exchanges) > _MOST_EXCHANGES:
        more = len(study.exchanges) - _MOST_EXCHANGES
        say(f"   and {more} more exchanges; the page has all", to_error=to_error)
    if study.left_out:
        count = so_many(study.left_out, "reading")
        said = f"{count} with wrong labels left out (--keep-flagged uses them)"
        say(said, to_error=to_error)


def _flags(flags: tuple[Flag, ...], to_error: bool) -> None:
    for flag in flags[:_MOST_FLAGS]:
        say_parts(
            [
                ("!  ", "yellow"),
                (f"{flag.kind.replace('_', ' ')}: ", None),
                (f"{one_line(flag.where)}: {one_line(flag.reason)}", None),
            ],
            to_error=to_error,
        )
        if flag.hint:
            say(f"      {one_line(flag.hint)}", to_error=to_error)
    if len(flags) > _MOST_FLAGS:
        say(f"   and {len(flags) - _MOST_FLAGS} more; --json has all", to_error=to_error)
