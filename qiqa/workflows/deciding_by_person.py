"""Decisions of persons on single series, recorded with all that they rest on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from qiqa.core.errors import UsageError
from qiqa.core.vet_result import VetResult, VetRow
from qiqa.core.vetting import Action, Observation, Override
from qiqa.io.staged import staged
from qiqa.io.vet_override import add_overrides
from qiqa.vetting.standing import DECISIONS, lapse
from qiqa.workflows.reviewing import StoredVet, decided_at, judge, judged_rows
from qiqa.workflows.vet_outputs import write_decisions
from qiqa.workflows.vet_unaltered import refuse_altered

__all__ = ["decide_by_person"]

_OWN = frozenset(reason.code for reason in DECISIONS.reasons)


def decide_by_person(stored: StoredVet, *overrides: Override) -> VetResult:
    """Record decisions of persons on single series, decide anew, and write the output again.

    What the policy calls for now, and what the series is now, are recorded with each: by them is
    seen later whether it still fits.

    Parameters
    ----------
    stored
        The output.
    overrides
        One at least, in the order in which they were made, one a series. Where one states what the
        person knew of (`seen`, `reasons`), that has to be all that there is now, and what is on
        record already is not recorded again.

    Raises
    ------
    UsageError
        If there is no such series, the words are missing, nothing is known that would correct a
        series, the person knew of less, or another person decided otherwise since.
    ReadError
        If what was seen is not as it was written, or somebody decided or vetted
        meanwhile.
    OutputError
        If it cannot be written, or another process is writing: nothing is recorded then; or if a
        file cannot be put in its place: the next command does the rest.
    """
    if not all(one.who.strip() and one.reason.strip() for one in overrides):
        raise UsageError(
            "a decision needs a name and a reason",
            where="--who and --reason",
            hint="the next person has to understand it",
        )
    with staged(stored.folder) as place:
        refuse_altered(stored.folder)
        stored.on_record.refuse_other()
        made = tuple(_knowing(stored, overrides))
        if not made:
            return stored.judged()
        add_overrides(made, stored.folder, place)
        parts = decided_at(stored.parts, made[-1].at)
        result = judge(parts, stored.policy, (*stored.overrides, *made), stored.pictures)
        write_decisions(result, stored.folder, stored.policy_text, place)
    return result


def _knowing(stored: StoredVet, overrides: Sequence[Override]) -> Iterator[Override]:
    """Yield new decisions with what the policy calls for in each series, and what that is."""
    asked = {one.series_uid for one in overrides}
    rows: dict[str, list[VetRow]] = {}
    for row in judged_rows(stored.parts, stored.policy, stored.overrides):
        if row.series_uid in asked:
            rows.setdefault(row.series_uid, []).append(row)
    unknown = [one.series_uid for one in overrides if one.series_uid not in rows]
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise UsageError(
            f"there is no series {unknown[0]!r}{more}",
            where=str(stored.folder),
            hint="qiqa vet review lists those that wait; the manifest has all",
        )
    for one in overrides:
        own = rows[one.series_uid]
        codes = {code for row in own for code in row.decision.reasons} - _OWN
        _refuse_what_nothing_corrects(one, own, stored)
        if one.seen or one.reasons:  # of a sheet, which was written some time ago
            before = own[0].decision.override
            if before is not None and (before.who, before.action) == (one.who, one.action):
                continue
            _refuse_what_came_since(one, before, lapse(own[0].seen, codes, one), stored)
        yield dataclasses.replace(one, reasons=tuple(sorted(codes)), seen=own[0].seen)


def _refuse_what_nothing_corrects(one: Override, rows: Sequence[VetRow], stored: StoredVet) -> None:
    if one.action is Action.CORRECT and not any(row.decision.corrections for row in rows):
        raise UsageError(
            f"series {one.series_uid!r}: nothing is known that would correct it",
            where=str(stored.folder),
            hint="put it right and vet it again, or decide keep, quarantine or reject",
        )


def _refuse_what_came_since(
    one: Override, before: Override | None, lapsed: Observation | None, stored: StoredVet
) -> None:
    """Refuse a decision of a sheet that another person, or other files, have gone past."""
    if before is not None and before.who != one.who:
        since = f"{before.who} decided {before.action} on {before.at:%Y-%m-%d}: {before.reason}"
        hint = "take it out of the sheet, or decide on it alone: --series; nothing was recorded"
    elif lapsed is not None:
        since = lapsed.evidence
        hint = "qiqa vet review --waiting FILE writes what there is to know now; nothing was "
        hint += "recorded"
    else:
        return
    raise UsageError(f"series {one.series_uid!r}: {since}", where=str(stored.folder), hint=hint)
