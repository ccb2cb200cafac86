"""What `qiqa drift` prints: what, when, how sure, what next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qiqa.cli.console import say, say_parts
from qiqa.cli.layout import Row, Section, table
from qiqa.core.drift import DriftFinding, FleetState, ScannerSummary
from qiqa.report.drift_text import finding_lines, headline

if TYPE_CHECKING:
    from qiqa.workflows.watching import Watched

__all__ = ["tell"]

_STYLES = {"action": "bold red", "tolerance": "yellow", "pass": None, "not_evaluated": "dim"}
_MARKS = {"action": "!! ", "tolerance": "!  ", "pass": "   ", "not_evaluated": "?  "}
_MOST = 12
"""Findings of one scanner that are printed; the page has all."""
_MOST_NOTES = 20


def tell(made: Watched, *, to_error: bool = False) -> None:
    """Print the fleet: what needs attention first, then one line a scanner."""
    fleet = made.fleet
    say(headline(fleet), style="bold", to_error=to_error)
    for one in fleet.scanners:
        if one.verdict in ("action", "tolerance"):
            _scanner(one, to_error)
    quiet = [one for one in fleet.scanners if one.verdict not in ("action", "tolerance")]
    if quiet and not to_error:
        say("")
        _quiet(quiet)
    notes = _notes(made)
    for note in notes:
        say(note, to_error=to_error)


def _scanner(one: ScannerSummary, to_error: bool) -> None:
    say("", to_error=to_error)
    label = f"{one.scanner}  {one.label}".rstrip()
    say(label, style="bold", to_error=to_error)
    urgent = [f for f in one.findings if f.verdict in ("action", "tolerance")]
    for finding in urgent[:_MOST]:
        _finding(finding, to_error)
    if len(urgent) > _MOST:
        say(f"   and {len(urgent) - _MOST} more", to_error=to_error)


def _finding(finding: DriftFinding, to_error: bool) -> None:
    mark = (_MARKS[finding.verdict], _STYLES[finding.verdict])
    first, *after = finding_lines(finding)
    say_parts([mark, (first, None)], to_error=to_error)
    for words in after:
        say(f"      {words}", to_error=to_error)


def _quiet(scanners: Sequence[ScannerSummary]) -> None:
    rows = tuple(
        Row(
            cells=(
                one.scanner,
                "in control" if one.verdict == "pass" else "not judged",
                str(one.charted),
                str(one.learning),
                str(one.exams),
                "" if one.last_exam is None else f"{one.last_exam:%Y-%m-%d}",
            )
        )
        for one in scanners
    )
    columns = ("scanner", "state", "charts", "learning", "exams", "last exam")
    table(columns, [Section(rows=rows)], right=(2, 3, 4))


def _notes(made: Watched) -> list[str]:
    fleet: FleetState = made.fleet
    budget = f"{fleet.false_alarms_per_year:.3g}"
    alarms = "false alarm" if budget == "1" else "false alarms"
    many = f"{len(fleet.scanners)} scanners" if len(fleet.scanners) != 1 else "1 scanner"
    notes = [*fleet.notes[:_MOST_NOTES]]
    if len(fleet.notes) > _MOST_NOTES:
        notes.append(f"and {len(fleet.notes) - _MOST_NOTES} notes more: --json has all")
    return ["", f"limits allow for at most {budget} {alarms} a year on {many}", *notes]
