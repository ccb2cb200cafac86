"""`qiqa vet compare`: two outputs of a vetting, what is decided otherwise and why."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiqa.cli import status
from qiqa.cli.arguments import Parser, counted, json_option
from qiqa.cli.console import progress, say, write_json
from qiqa.cli.layout import Row, Section, table

if TYPE_CHECKING:
    from qiqa.core.vetting import Action
    from qiqa.workflows.vet_comparing import ChangedSeries, VetComparison

__all__ = ["COMPARISON_SCHEMA", "EPILOG", "OPERANDS", "Options", "arguments", "command"]

COMPARISON_SCHEMA = "qiqa.vet_comparison/1"
OPERANDS = "BEFORE AFTER"
DIFFERENT = 3
"""Exit status where series are decided otherwise; as `tolerance` elsewhere."""
_FEW = 3
EPILOG = """
examples:
  qiqa vet compare vetted-march vetted-june
  qiqa vet compare strict lenient --json -

Series are the same where series UID and path are. Another correction is another decision; altered
are those whose pixels, files, findings or measures are not what they were, whatever is decided.
Exit status: 0 every series is as before and decided as before, 3 some are not, 1 it could not be
done.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    before: Path
    after: Path
    most: int = 40
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument("before", type=Path, metavar="BEFORE", help="what qiqa vet wrote")
    parser.add_argument("after", type=Path, metavar="AFTER", help="what it wrote another time")
    parser.add_argument(
        "--most", type=counted, default=40, metavar="N", help="series in the table; default: 40"
    )
    json_option(parser, COMPARISON_SCHEMA)


def command(options: Options) -> int:
    """Say what differs."""
    from qiqa.workflows.vet_checks import known_checks
    from qiqa.workflows.vet_comparing import compare_outputs

    with progress() as told:
        told("comparing")
        found = compare_outputs(options.before, options.after, known_checks())
    to_error = options.json == "-"
    if options.json is not None:
        write_json(_payload(found), options.json)
    _tell(found, options.most, to_error=to_error)
    return DIFFERENT if found.changed or found.altered else status.PASS


def _payload(found: VetComparison) -> dict[str, Any]:
    from qiqa.core.canonical import plain, storable

    before, after = found.series
    payload: dict[str, Any] = {
        "schema": COMPARISON_SCHEMA,
        "series": {"before": before, "after": after},
        "moves": [
            {"before": _word(old), "after": _word(new), "series": number}
            for (old, new), number in _moves(found)
        ],
        "changed": found.changed,
        "altered": found.altered,
        "policies": found.policies,
        "made": found.made,
        "whole": found.whole,
        "reasons": [
            {"code": code, "before": old, "after": new}
            for code, (old, new) in found.reasons.items()
        ],
    }
    cleaned: dict[str, Any] = storable(plain(payload))
    return cleaned


def _word(action: Action | None) -> str:
    return "absent" if action is None else action.value


def _moves(found: VetComparison) -> list[tuple[tuple[Action | None, Action | None], int]]:
    return sorted(found.moves.items(), key=lambda move: [_word(action) for action in move[0]])


def _tell(found: VetComparison, most: int, *, to_error: bool) -> None:
    before, after = found.series
    changed = len(found.changed)
    say(
        f"{changed} series decided otherwise; {before} before, {after} after",
        style="bold",
        to_error=to_error,
    )
    if found.altered:
        some = ", ".join(found.altered[:_FEW])
        more = ", ..." if len(found.altered) > _FEW else ""
        say(f"{len(found.altered)} series altered: {some}{more}", style="bold", to_error=to_error)
    moves = [(pair, n) for pair, n in _moves(found) if pair[0] is not pair[1]]
    for (old, new), number in moves:
        say(f"  {number:6}  {_word(old)} -> {_word(new)}", to_error=to_error)
    for title, differences in (
        ("Not decided by the same", found.made),
        ("The policies differ", found.policies),
        ("On the set as a whole", found.whole),
    ):
        if differences:
            rows = [Row(cells=(one.what, one.before, one.after)) for one in differences]
            section = Section(title=title, rows=tuple(rows))
            table(("what", "before", "after"), [section], to_error=to_error)
    if found.reasons:
        rows = [Row(cells=(c, str(old), str(new))) for c, (old, new) in found.reasons.items()]
        section = Section(title="Reasons that call for something", rows=tuple(rows))
        table(("reason", "before", "after"), [section], right=(1, 2), to_error=to_error)
    if changed:
        rows = [_row(one) for one in found.changed[:most]]
        section = Section(title="Series decided otherwise", rows=tuple(rows))
        columns = ("series", "site", "before", "after", "reasons")
        table(columns, [section], remark="evidence", to_error=to_error)
    if changed > most:
        say(f"{changed - most} more; --most {changed} shows them", to_error=to_error)


def _row(one: ChangedSeries) -> Row:
    reasons = [*(f"+{code}" for code in one.new), *(f"-{code}" for code in one.gone)]
    remark = one.evidence
    if one.corrections[0] != one.corrections[1]:
        old, new = (words or "none" for words in one.corrections)
        remark = f"correction before: {old}; after: {new}; {remark}".removesuffix("; ")
        reasons = reasons or ["another correction"]
    if not reasons and one.before is not None and one.after is not None:
        reasons = ["a person, or another action for the same reasons"]
    cells = (one.series_uid, one.site, _word(one.before), _word(one.after), ", ".join(reasons))
    return Row(cells=cells, remark=remark)
