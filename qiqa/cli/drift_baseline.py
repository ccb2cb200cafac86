"""`qiqa drift baseline`: which exams say what is normal; a person approves, with a reason."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.arguments import moment
from qiqa.cli.console import say, write_json
from qiqa.cli.deliver import current_user
from qiqa.cli.drift import Options
from qiqa.cli.drift_sources import chosen
from qiqa.core.canonical import plain
from qiqa.core.drift import ApprovedBaseline
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.drift.baseline import BaselineProposal

__all__ = ["baseline"]

SCHEMA = "qiqa.baseline/1"
_MOST = 20


def baseline(options: Options) -> int:
    """Propose a baseline for one scanner, or put an approved one on record."""
    from qiqa.drift.baseline import propose
    from qiqa.drift.policy import Policy
    from qiqa.store import open_store

    if options.scanner is None:
        hint = "qiqa drift lists the scanners"
        raise UsageError("is needed: a baseline is of one scanner", where="--scanner", hint=hint)
    if options.approve and not (options.reason or "").strip():
        raise UsageError("is needed to approve", where="--reason", hint="say why these exams")
    left_out = _left_out(options)
    with open_store(options.store, create=options.approve) as store:
        series = chosen(store.columns(scanner=options.scanner), options)
        proposal = propose(
            series,
            exams=Policy().baseline_exams,
            events=store.events(options.scanner),
            first=moment(options.first, "--first"),
            last=_end_of_day(moment(options.last, "--last")),
        )
        if not proposal.exams:
            raise UsageError("there are no exams between these dates", where="--first, --last")
        if not options.approve:
            return _propose(proposal, options)
        record = store.approve_baseline(
            _approved(proposal, options, left_out), user=current_user(), now=dt.datetime.now(dt.UTC)
        )
    kept = len(proposal.exams) - len(left_out)
    say(f"baseline {record}: {kept} exams of {options.scanner}, {_span(proposal)}")
    if proposal.missing:
        say(f"!  {proposal.missing} exams fewer than the usual 10: limits are wider for it")
    return status.PASS


def _approved(
    proposal: BaselineProposal,
    options: Options,
    left_out: dict[dt.date, str],
) -> ApprovedBaseline:
    """Return the baseline as it goes on record."""
    by_day = {at.date(): at for at in proposal.exams}
    for day in left_out:
        if day not in by_day:
            raise UsageError(f"{day} is no exam of this baseline", where="--leave-out")
    return ApprovedBaseline(
        scanner=proposal.scanner,
        name=options.name or "",
        first=proposal.exams[0],
        last=proposal.exams[-1],
        left_out=tuple((by_day[day], why) for day, why in sorted(left_out.items())),
        reason=options.reason or "",
        by=current_user(),
        at=dt.datetime.now(dt.UTC),
    )


def _propose(proposal: BaselineProposal, options: Options) -> int:
    """Print what would be approved and what speaks against it."""
    if options.json is not None:
        write_json({"schema": SCHEMA, "proposal": plain(proposal)}, options.json)
    to_error = options.json == "-"
    say(f"{proposal.scanner}: {len(proposal.exams)} exams, {_span(proposal)}", to_error=to_error)
    say(f"   begins with: {proposal.why_from}", to_error=to_error)
    say(f"   holds for {proposal.series} measurements", to_error=to_error)
    if proposal.missing:
        say(f"!  {proposal.missing} more exams are needed for a baseline of 10", to_error=to_error)
    for one in proposal.outliers[:_MOST]:
        value, median = f"{one.value:.6g}", f"{one.median:.6g}"
        unit = f" {one.unit}" if one.unit not in ("", "1") else ""
        text = f"{one.at:%Y-%m-%d}: {one.label} is {value}{unit}, the others {median}"
        say(f"!  outlier {text}", style="yellow", to_error=to_error)
    for text in proposal.unsteady[:_MOST]:
        say(f"!  not steady: a step of {text}", style="yellow", to_error=to_error)
    days = sorted({one.at.date() for one in proposal.outliers})
    out = " ".join(f'--leave-out "{day}=WHY"' for day in days[:3])
    name = f' --scanner "{proposal.scanner}"'
    say(
        f'to approve: qiqa drift baseline{name} {out} --approve --reason "..."'.replace("  ", " "),
        to_error=to_error,
    )
    return status.PASS


def _span(proposal: BaselineProposal) -> str:
    return f"{proposal.exams[0]:%Y-%m-%d} to {proposal.exams[-1]:%Y-%m-%d}"


def _end_of_day(day: dt.datetime | None) -> dt.datetime | None:
    if day is None or day.time() != dt.time():
        return day
    return day + dt.timedelta(days=1, microseconds=-1)


def _left_out(options: Options) -> dict[dt.date, str]:
    """Return the exams that do not count, by day, with the reason."""
    made = {}
    for text in options.leave_out:
        day, sign, why = text.partition("=")
        found = moment(day.strip() or None, "--leave-out")
        if found is None or not sign or not why.strip():
            raise UsageError(
                f"{text!r} is not DATE=WHY", where="--leave-out", hint="2026-03-02=bubble in it"
            )
        made[found.date()] = why.strip()
    return made
