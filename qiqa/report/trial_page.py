"""A trial as one HTML page for its sponsor, and a card for each scanner."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
from pathlib import Path

from qiqa.core.counting import so_many
from qiqa.core.programme import Certificate, CertificateState, RoundScore, TrialState
from qiqa.core.trial import BiasStudy, ClaimAnswer, ScannerBias
from qiqa.report.files import made_folder, remove_own, write_whole
from qiqa.report.forest import ForestRow, forest
from qiqa.report.html import environment, load_text
from qiqa.report.numbers import decimals, fixed, plain_number
from qiqa.report.shown import range_text
from qiqa.report.svg import icon
from qiqa.report.trial_text import (
    ANSWERS,
    KINDS,
    STATES,
    bias_text,
    certificates_line,
    headline,
    interval_text,
    signed,
    since_text,
)

__all__ = ["card_name", "render_card", "render_trial", "write_trial"]

_STATE_KINDS = {
    CertificateState.QUALIFIED: "pass",
    CertificateState.PROVISIONAL: "not_evaluated",
    CertificateState.NOT_QUALIFIED: "action",
    CertificateState.EXPIRED: "tolerance",
}
_CARD = re.compile(r"card_[0-9a-f]{8}\.html")
_CARD_MARK = '<p class="d-back"><a href="index.html">All scanners</a></p>'
"""Stands in every card, of this version and of those before."""
_ORDER = (ClaimAnswer.OUT, ClaimAnswer.NOT_ENOUGH_DATA, ClaimAnswer.IN, None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One scanner in a table."""

    scanner: str
    page: str
    site: str
    vendor: str
    kind: str
    icon: str
    answer: str
    bias: str
    interval: str
    ends: str
    exams: str
    since: str
    last: str
    reason: str
    epoch: str


def card_name(scanner: str) -> str:
    """Return the file name of a scanner's card; nothing of its name, which a header may hold."""
    digest = hashlib.sha256(scanner.encode("utf-8", "surrogatepass")).hexdigest()
    return f"card_{digest[:8]}.html"


def write_trial(state: TrialState, folder: Path) -> Path:
    """Write the overview and a card for each scanner; return the overview.

    Cards that an earlier run left there of scanners that are not there any more are removed, and
    no other file.

    Raises
    ------
    OutputError
        If a page cannot be written, or such a card not removed.
    """
    made_folder(folder)
    cards = set()
    for scanner in sorted({one.scanner for study in state.studies for one in study.scanners}):
        page = render_card(state, scanner)
        cards.add(write_whole(folder / card_name(scanner), page.encode("utf-8")))
    overview = write_whole(folder / "index.html", render_trial(state).encode("utf-8"))
    old = {path for path in folder.glob("card_*.html") if _CARD.fullmatch(path.name)}
    remove_own(old - cards, _CARD_MARK)
    return overview


def render_trial(state: TrialState) -> str:
    """Return the overview: who is out since when, what is wrong, where scatter comes from."""
    out = [
        (study, one)
        for study in state.studies
        for one in study.scanners
        if one.current and one.claim is ClaimAnswer.OUT
    ]
    kind = "action" if out else _overall(state)
    return (
        environment()
        .get_template("trial.html")
        .render(
            style=load_text("qc.css") + load_text("drift.css") + load_text("trial.css"),
            title=state.title,
            kind=kind,
            icon=icon(kind),
            words=_words(state, len({one.scanner for _, one in out})),
            facts=_facts(state),
            out=[(study.name, _shown(one, study)) for study, one in out],
            studies=[
                {**_study(study), "papers": certificates_line(state.certificates, study.name)}
                for study in state.studies
            ],
            flags=state.flags,
        )
    )


def render_card(state: TrialState, scanner: str) -> str:
    """Return the card of one scanner: every measurement, its answer, its flags."""
    rows = [
        (study, one)
        for study in state.studies
        for one in study.scanners
        if one.scanner == scanner and one.current
    ]
    past = [
        (study, one)
        for study in state.studies
        for one in study.scanners
        if one.scanner == scanner and not one.current
    ]
    flags = [f for study in state.studies for f in study.flags if f.is_about(scanner)]
    answers = [one.claim for _, one in rows]
    worst = next((a for a in _ORDER if a in answers), None)
    first = rows[0][1] if rows else past[0][1]
    return (
        environment()
        .get_template("card.html")
        .render(
            style=load_text("qc.css") + load_text("drift.css") + load_text("trial.css"),
            title=state.title,
            scanner=scanner,
            kind=KINDS[worst],
            icon=icon(KINDS[worst]),
            words=ANSWERS[worst],
            facts=[
                ("Scanner", scanner),
                ("Site", first.site or "not stated"),
                ("Vendor", first.manufacturer or "not stated"),
                ("Exams", str(max((one.exams for _, one in rows), default=0))),
                ("Phantom units", ", ".join(first.phantom_units) or "not stated"),
                ("State of", f"{state.as_of:%Y-%m-%d}"),
            ],
            rows=[
                (study.name, study.unit, _shown(one, study), _one(one, study))
                for study, one in rows
            ],
            papers=[_paper(c) for c in state.certificates if c.scanner == scanner],
            scores=[
                (name, _score(one))
                for name, scores in state.rounds.items()
                for one in scores
                if one.scanner == scanner
            ],
            past=[(s.name, s.unit, _shown(one, s)) for s, one in past],
            flags=flags,
        )
    )


def _paper(one: Certificate) -> dict[str, object]:
    wcv = f"{one.wcv:.2g} (95 % below {one.wcv_upper:.2g}) {one.bias_unit}".rstrip()
    return {
        "name": one.name,
        "state": STATES[one.state],
        "kind": _STATE_KINDS[one.state],
        "icon": icon(_STATE_KINDS[one.state]),
        "facts": [
            ("Bound to", one.epoch or "settings not stated"),
            ("Phantom units", ", ".join(one.phantom_units) or "not stated"),
            (
                "Covers",
                range_text(one.range, one.unit),
            ),
            ("Rests on", f"{so_many(one.challenges, 'exam')}, last {one.last:%Y-%m-%d}"),
            ("Expires", f"{one.expires:%Y-%m-%d}"),
            ("Bias", ANSWERS[one.bias_answer]),
            ("Precision", ANSWERS[one.precision_answer]),
            ("Protocol", _protocol(one)),
            ("Long-term wCV of an insert", "not known" if math.isnan(one.wcv) else wcv),
        ],
        "reasons": one.reasons,
        "renewal": one.renewal,
    }


def _protocol(one: Certificate) -> str:
    if one.deviations is None:
        return "not known whether kept"
    return "deviates" if one.deviations else "kept"


def _score(one: RoundScore) -> dict[str, str]:
    return {
        "at": f"{one.at:%Y-%m-%d}",
        "difference": f"{one.difference:+.2g}",
        "z": fixed(one.score, 2),
        "zeta": fixed(one.zeta, 2),
        "e_n": fixed(one.e_n, 2),
        "verdict": one.verdict.replace("_", " "),
    }


def _overall(state: TrialState) -> str:
    answers = [one.claim for s in state.studies for one in s.scanners if one.current]
    if any(study.flags for study in state.studies):
        return "tolerance"
    return "pass" if answers and all(a is ClaimAnswer.IN for a in answers) else "not_evaluated"


def _words(state: TrialState, out: int) -> str:
    scanners = len({one.scanner for s in state.studies for one in s.scanners})
    if not state.studies:
        return "Nothing could be studied"
    if all(study.claim is None for study in state.studies):
        return f"No claim is stated: {so_many(scanners, 'scanner')}, none is judged"
    if out:
        return f"{out} of {so_many(scanners, 'scanner')} {'is' if out == 1 else 'are'} out of claim"
    return f"No scanner of {scanners} is shown to be out of claim"


def _facts(state: TrialState) -> list[tuple[str, str]]:
    scanners = {one.scanner for s in state.studies for one in s.scanners}
    sites = {one.site for s in state.studies for one in s.scanners if one.site}
    return [
        ("Scanners", str(len(scanners))),
        ("Sites", str(len(sites) or "not stated")),
        ("Readings", str(sum(s.readings for s in state.studies))),
        ("State of", f"{state.as_of:%Y-%m-%d}"),
        ("Values from", state.source),
    ]


def _study(study: BiasStudy) -> dict[str, object]:
    ranked = sorted(study.scanners, key=lambda s: (_ORDER.index(s.claim), -abs(s.bias), s.scanner))
    current = [one for one in ranked if one.current]
    basis = "stated references" if study.basis == "stated" else "the consensus of the scanners"
    return {
        "headline": headline(study),
        "basis": basis,
        "unit": study.unit,
        "range": range_text(study.range, study.measured_unit),
        "forest": forest([_row(one) for one in current], study.claim, study.unit),
        "scanners": [_shown(one, study) for one in current],
        "past": [_shown(one, study) for one in ranked if not one.current],
        "components": [
            (c.name, plain_number(c.sd, 2), _sd_interval(c.interval)) for c in study.components
        ],
        "vendor": f"{study.vendor.reason[:1].upper()}{study.vendor.reason[1:]}.",
        "vendors": [
            (name, *_with_interval(value, ends), count)
            for name, value, ends, count in study.vendor.levels
        ],
        "groups": study.groups,
        "exchanges": study.exchanges,
        "flags": study.flags,
        "sites": any(one.site not in ("", one.scanner) for one in current),
        "left_out": study.left_out,
    }


def _with_interval(value: float, ends: tuple[float, float]) -> tuple[str, str]:
    """Return a number and its 95 % interval, to two digits of its uncertainty."""
    half = (ends[1] - ends[0]) / 4
    places = decimals(half) if math.isfinite(half) and half > 0 else 2
    return signed(value, places), " to ".join(signed(end, places) for end in ends)


def _sd_interval(interval: tuple[float, float]) -> str:
    low, high = interval
    if not math.isfinite(high):
        return "not known"
    return f"{plain_number(low, 2)} to {plain_number(high, 2)}"


def _row(one: ScannerBias) -> ForestRow:
    return ForestRow(
        label=one.scanner,
        kind=KINDS[one.claim],
        value=one.bias,
        interval=one.bias_interval,
        ends=one.ends,
    )


def _one(one: ScannerBias, study: BiasStudy) -> str:
    return forest([_row(one)], study.claim, study.unit)


def _shown(one: ScannerBias, study: BiasStudy) -> Shown:
    kind = KINDS[one.claim]
    sloped = all(map(math.isfinite, one.ends)) and one.ends[0] != one.ends[1]
    u = one.standard_uncertainty
    places = decimals(u) if math.isfinite(u) and u > 0 else 2
    ends = ", ".join(signed(end, places) for end in one.ends) if sloped else ""
    unit = study.unit if math.isfinite(one.bias) else ""
    return Shown(
        scanner=one.scanner,
        page=card_name(one.scanner),
        site=one.site,
        vendor=one.manufacturer,
        kind=kind,
        icon=icon(kind),
        answer=ANSWERS[one.claim],
        bias=f"{bias_text(one)} {unit}".rstrip(),
        interval=interval_text(one),
        ends=ends,
        exams=str(one.exams),
        since=since_text(one),
        last=f"{one.last:%Y-%m-%d}",
        reason=one.reason,
        epoch=one.epoch,
    )
