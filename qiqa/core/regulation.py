"""Which clauses ask for evidence that a check gives. A help for whoever writes the file.

The rows are a judgement of the authors of qiqa, not of any authority, and claim no conformity with
anything. Editions: NIST AI 100-1 (AI RMF 1.0, January 2023); Regulation (EU) 2024/1689, Article 10;
Good Machine Learning Practice for Medical Device Development: Guiding Principles (FDA, Health
Canada, MHRA, October 2021); ISO/IEC 5259-2:2024.
"""

from __future__ import annotations

import dataclasses

from qiqa.core.vet_result import VetResult
from qiqa.core.vetting import Check

__all__ = ["CAUTIONS", "EVIDENCE_BEYOND", "Clauses", "EvidenceRow", "clauses_of", "evidence_rows"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Clauses:
    """Where one topic of data quality is asked for."""

    topic: str
    checks: tuple[str, ...]
    """Names of checks whose answers are evidence."""
    nist: str
    """NIST AI RMF 1.0 subcategories."""
    eu: str
    """Article 10 of the EU AI Act."""
    gmlp: str
    """Guiding principles of Good Machine Learning Practice."""
    iso: str
    """Measures of ISO/IEC 5259-2:2024."""


_TOPICS = (
    Clauses(
        topic="header and protocol compliance",
        checks=("protocol", "geometry"),
        nist="MAP 2.3, MEASURE 2.1",
        eu="10(2)(b)",
        gmlp="P2",
        iso="Con-ML-3, Cmp-ML-1",
    ),
    Clauses(
        topic="missing attributes, images and series",
        checks=("readable", "examination", "stack", "completeness", "dataset_json"),
        nist="MEASURE 2.1",
        eu="10(3)",
        gmlp="P2",
        iso="Com-ML-1, Com-ML-3, Com-ML-4",
    ),
    Clauses(
        topic="duplicates and leakage between splits",
        checks=("signature", "duplicates", "leakage"),
        nist="MEASURE 2.1, MEASURE 2.5",
        eu="10(2)(e)",
        gmlp="P4",
        iso="Con-ML-1, Sim-ML-1",
    ),
    Clauses(
        topic="bias and precision shown by phantoms",
        checks=("phantom_lineage",),
        nist="MEASURE 2.3, MEASURE 2.5, MEASURE 2.13",
        eu="10(2)(d), 10(3)",
        gmlp="P5, P8",
        iso="Acc-ML-2, Acc-ML-3, Pre-ML-1, Cre-ML-2",
    ),
    Clauses(
        topic="image quality and values of pixels",
        checks=("quality", "plausibility", "outliers"),
        nist="MEASURE 2.1",
        eu="10(3)",
        gmlp="P2",
        iso="",
    ),
    Clauses(
        topic="balance of sites, vendors and scanners",
        checks=("confounding", "predictability"),
        nist="MEASURE 2.11",
        eu="10(2)(f), 10(2)(g), 10(4)",
        gmlp="P3",
        iso="Bal-ML-1, Bal-ML-2, Bal-ML-3, Div-ML-1, Div-ML-2, Div-ML-3",
    ),
    Clauses(
        topic="coverage of the target population",
        checks=("representativeness",),
        nist="MAP 2.3, MEASURE 2.2",
        eu="10(3), 10(4)",
        gmlp="P3",
        iso="Rep-ML-1, Rel-ML-2",
    ),
    Clauses(
        topic="labels",
        checks=("labels", "pairing"),
        nist="MEASURE 2.1",
        eu="10(2)(c)",
        gmlp="P5",
        iso="Acc-ML-7, Com-ML-5",
    ),
    Clauses(
        topic="drift and recalibration",
        checks=("phantom_lineage",),
        nist="MEASURE 2.4, MEASURE 3.1, MANAGE 4.1",
        eu="10(2)(h)",
        gmlp="P10",
        iso="Cur-ML-1, Cur-ML-2, Tml-ML-1",
    ),
    Clauses(
        topic="provenance and de-identification",
        checks=("identity", "burned_in", "decisions"),
        nist="MAP 4.1, MEASURE 2.10",
        eu="10(2)(b), 10(5)",
        gmlp="P2",
        iso="Tra-ML-1, Idn-ML-1, Aud-ML-1",
    ),
)

CAUTIONS = (
    (
        "This table claims no conformity. It says which clauses ask for evidence of this kind; "
        "whether it is enough is for the responsible person and the authority to say."
    ),
    (
        "What counts as reference, label and population for a purpose is not in images: no row can "
        "replace a statement of the intended use."
    ),
    (
        "Article 10 applies to high-risk systems from 2 December 2027 (Annex III) and 2 August "
        "2028 (Annex I), by Regulation (EU) 2026/1744."
    ),
    (
        "The guidance of the FDA on AI-enabled device software functions is a draft of January "
        "2025; the guiding principles of 2021 are named instead."
    ),
    "Measures of ISO/IEC 5259-2 are named by their identifiers there; qiqa's formulas are its own.",
)
"""What has to stand beside the table."""

EVIDENCE_BEYOND = "no clause is named for it"
"""Of a check without a topic here."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceRow:
    """One topic and what this set has to show for it."""

    topic: str
    checks: tuple[str, ...]
    """Titles of checks that were run."""
    evidence: str
    nist: str
    eu: str
    gmlp: str
    iso: str


def clauses_of(check: str) -> Clauses | None:
    """Return the topic of a check; None where there is none."""
    return next((one for one in _TOPICS if check in one.checks), None)


def evidence_rows(result: VetResult) -> tuple[EvidenceRow, ...]:
    """Return each topic with what was measured; one without a check that ran says so."""
    missing = {*result.policy.off, *result.parts.not_run}
    ran = [check for check in result.parts.checks if check.name not in missing]
    topics = [(topic, [c for c in ran if c.name in topic.checks]) for topic in _TOPICS]
    rows = [_row(topic, found, result) for topic, found in topics]
    other = [check for check in ran if clauses_of(check.name) is None]
    if other:
        none = Clauses(topic=EVIDENCE_BEYOND, checks=(), nist="", eu="", gmlp="", iso="")
        rows.append(_row(none, other, result))
    return tuple(rows)


def _row(topic: Clauses, checks: list[Check], result: VetResult) -> EvidenceRow:
    return EvidenceRow(
        topic=topic.topic,
        checks=tuple(check.title for check in checks),
        evidence="; ".join(_evidence(check, result) for check in checks) or "none in this output",
        nist=topic.nist,
        eu=topic.eu,
        gmlp=topic.gmlp,
        iso=topic.iso,
    )


def _evidence(check: Check, result: VetResult) -> str:
    """Return what one check found, in numbers; what no rule judges is no 0."""
    rules, counted = result.policy.rules, result.counts.reasons
    statements = result.parts.statements.get(check.name, ())
    found = [counted[reason.code] for reason in check.reasons if reason.code in counted]
    words = []
    if found or not statements:
        above = sum(one.above for one in found)
        words.append(f"{above} findings above their limits in {result.counts.series} series")
        unjudged = sum(one.seen for one in found if one.code not in rules)
        words += [f"{unjudged} that no rule judges"] if unjudged else []
    if statements:
        called = sum(result.called_by(one) is not None for one in statements)
        words.append(f"{called} of {len(statements)} statements on the set above their limits")
        unjudged = sum(one.code not in rules for one in statements)
        words += [f"{unjudged} that no rule judges"] if unjudged else []
    return f"{check.name}: {', '.join(words)}"
