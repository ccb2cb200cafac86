"""Deciding on what was seen: the first time, by a person, or under another policy; no image."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from qiqa.core.errors import ReadError, UsageError
from qiqa.core.vet_result import NOT_STATED, SeriesKey, SeriesSeen, VetParts, VetResult, VetRow
from qiqa.core.vetting import (
    Action,
    Check,
    Decision,
    Observation,
    Override,
    PolicyChange,
    VetPolicy,
)
from qiqa.io.policy_file import parse_policy
from qiqa.io.staged import settle, staged
from qiqa.io.vet_files import POLICY, VET_JSON, read_vet_json
from qiqa.io.vet_override import add_change, read_changes, read_overrides
from qiqa.io.vet_parts import StoredSeries, read_other_files, read_thumbnails
from qiqa.vetting.checking import settings_of
from qiqa.vetting.counting import count, shown_keys
from qiqa.vetting.deciding import decide
from qiqa.vetting.standing import DECISIONS, lapse
from qiqa.workflows.vet_outputs import write_decisions
from qiqa.workflows.vet_unaltered import OnRecord, refuse_altered

__all__ = [
    "JudgedRows",
    "StoredVet",
    "decide_by_policy",
    "decided_at",
    "judge",
    "judged_rows",
    "open_output",
    "policy_again",
    "waiting",
]

_AGAIN = "vetted again under another policy; no reason was given"

Seen = tuple[Observation, ...]
Pictures = Callable[[Sequence[SeriesKey]], Mapping[SeriesKey, bytes]]
"""Series wanted -> thumbnails of those that have one."""


@dataclasses.dataclass(frozen=True, slots=True)
class JudgedRows:
    """Series held against a policy, one at a time and anew each time they are gone through."""

    series: Iterable[SeriesSeen]
    policy: VetPolicy
    overrides: Mapping[str, Override]
    """Series UID -> the decision that holds."""
    ignored: frozenset[str] = frozenset()
    """Codes of checks that the policy has turned off."""

    def __iter__(self) -> Iterator[VetRow]:
        """Yield each series with what is done with it."""
        nothing = decide((), self.policy)
        for one in self.series:
            seen = one.observations
            if self.ignored:
                seen = tuple(o for o in seen if o.code not in self.ignored)
            person = self.overrides.get(one.series_uid)
            # most series are not found at fault: they share one decision
            decision = decide(seen, self.policy) if seen else nothing
            if person is not None:
                seen, decision = self._by_person(one, seen, decision, person)
            yield VetRow(
                path=one.path,
                series_uid=one.series_uid,
                patient_hash=one.patient_hash,
                site=one.site,
                scanner=one.scanner,
                modality=one.modality,
                seen=one.seen,
                observations=seen,
                decision=decision,
            )

    def _by_person(
        self, one: SeriesSeen, seen: Seen, decision: Decision, person: Override
    ) -> tuple[Seen, Decision]:
        """Return what a person decided, or that it no longer fits and what the policy says then."""
        lapsed = lapse(one.seen, decision.reasons, person)
        if lapsed is None or lapsed.code in self.ignored:
            return seen, decide(seen, self.policy, person)
        seen = (*seen, lapsed)
        return seen, dataclasses.replace(decide(seen, self.policy), lapsed=True)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredVet:
    """The output of an earlier run, opened to decide anew."""

    folder: Path
    parts: VetParts
    policy: VetPolicy
    """With the changes made since."""
    policy_text: bytes
    overrides: tuple[Override, ...]
    on_record: OnRecord

    def pictures(self, wanted: Sequence[SeriesKey]) -> dict[SeriesKey, bytes]:
        """Return those of the wanted thumbnails that were kept."""
        return read_thumbnails(self.folder, wanted)

    def judged(self) -> VetResult:
        """Return the set as it is decided now."""
        return judge(self.parts, self.policy, self.overrides, self.pictures)


def judge(
    parts: VetParts,
    policy: VetPolicy,
    overrides: Sequence[Override] = (),
    pictures: Pictures | None = None,
) -> VetResult:
    """Return a set, decided: every series held against the policy, counted, the worst chosen.

    Parameters
    ----------
    parts
        What was seen.
    policy
        The rules.
    overrides
        Decisions of persons, oldest first; the last one for a series holds.
    pictures
        Gives thumbnails of the series that the card shows; None: those in `parts`.
    """
    rows = judged_rows(parts, policy, overrides)
    counts = count(rows, policy)
    thumbnails = parts.thumbnails if pictures is None else pictures(shown_keys(counts))
    # text in the pixels may name a person: such a picture leaves by no output
    made = VetResult(parts=parts, policy=policy, rows=rows, counts=counts)
    shown = [one for r in counts.reasons.values() for one in (*r.worst, *r.typical)]
    withheld = {one.key for one in shown if made.withheld(one)}
    thumbnails = {key: thumbnails[key] for key in thumbnails if key not in withheld}
    statements = {name: given for name, given in parts.statements.items() if name not in policy.off}
    given = dataclasses.replace(parts, thumbnails=thumbnails, statements=statements)
    return dataclasses.replace(made, parts=given, overrides=tuple(overrides))


def judged_rows(parts: VetParts, policy: VetPolicy, overrides: Sequence[Override]) -> JudgedRows:
    """Return all series as they are decided; the last decision of a person for each holds."""
    off = {*policy.off}
    ignored = (r.code for check in parts.checks if check.name in off for r in check.reasons)
    latest = {one.series_uid: one for one in overrides}
    return JudgedRows(parts.series, policy, latest, frozenset(ignored))


def waiting(result: VetResult) -> Iterator[VetRow]:
    """Yield the series that a person has to decide on."""
    return (row for row in result.rows if row.decision.action is Action.QUARANTINE)


def open_output(folder: Path, checks: Sequence[Check]) -> StoredVet:
    """Return the output of an earlier run.

    Raises
    ------
    ReadError
        If a file is missing or damaged; names it.
    DefinitionError
        If the policy is no longer one, for instance since a check is not installed here.
    """
    settle(folder)
    on_record = OnRecord.of(folder)
    words = read_vet_json(folder)
    path = folder / POLICY
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ReadError(
            f"cannot be read: {error.strerror or error}",
            where=str(path),
            hint="give the folder that qiqa vet wrote",
        ) from error
    policy = parse_policy(text, checks, str(path))
    parts = VetParts(
        series=StoredSeries(folder),
        checks=tuple(checks),
        provenance=words.provenance,
        about=words.about,
        notes=read_other_files(folder),
        statements=words.statements,
        not_run=words.not_run,
        features=words.features,
    )
    return StoredVet(
        folder=folder,
        parts=parts,
        policy=_with_changes(policy, read_changes(folder)),
        policy_text=text,
        overrides=read_overrides(folder),
        on_record=on_record,
    )


def _with_changes(policy: VetPolicy, changes: Sequence[PolicyChange]) -> VetPolicy:
    added = [one for one in changes if one not in policy.changes]
    return dataclasses.replace(policy, changes=(*policy.changes, *added))


def policy_again(
    folder: Path, policy: VetPolicy, now: dt.datetime
) -> tuple[VetPolicy, PolicyChange | None]:
    """Return a policy with all changes since results were seen, and the one that is new.

    Who vets again into the folder of results that were seen under another policy has changed the
    policy, whatever way was taken. The new change is for `add_change` once the set is decided.

    Parameters
    ----------
    folder
        Where the outputs go; with or without an earlier output.
    policy
        The policy of this run.
    now
        Of the change.
    """
    change = None
    before = folder / POLICY
    if (folder / VET_JSON).exists() and before.exists():
        sha256 = hashlib.sha256(before.read_bytes()).hexdigest()
        stated = {one.before_sha256 for one in policy.changes}
        if sha256 not in {policy.sha256, *stated}:
            change = PolicyChange(
                at=now.replace(microsecond=0), who=NOT_STATED, reason=_AGAIN, before_sha256=sha256
            )
    made = _with_changes(policy, read_changes(folder))
    if change is not None:
        made = dataclasses.replace(made, changes=(*made.changes, change))
    return made, change


def decided_at(parts: VetParts, when: dt.datetime) -> VetParts:
    """Return what was seen, decided at another time."""
    provenance = dataclasses.replace(parts.provenance, judged_at=when)
    return dataclasses.replace(parts, provenance=provenance)


def decide_by_policy(stored: StoredVet, text: bytes, where: str, change: PolicyChange) -> VetResult:
    """Hold what was seen against another policy, record the change, and write the output again.

    Parameters
    ----------
    stored
        The output.
    text, where
        The new policy's bytes, and its file.
    change
        Who changed it, why and when; what it was before is filled in.

    Raises
    ------
    DefinitionError
        If the new policy is none.
    UsageError
        If it is the same, or asks for what only the images can say.
    ReadError
        If what was seen is not as it was written, or somebody decided or vetted
        meanwhile.
    OutputError
        If it cannot be written, or another process is writing: nothing is recorded then; or if a
        file cannot be put in its place: the next command does the rest.
    """
    if not change.who.strip() or not change.reason.strip():
        raise UsageError("a change needs a name and a reason", where="--who and --reason")
    policy = parse_policy(text, stored.parts.checks, where)
    if policy.sha256 == stored.policy.sha256:
        raise UsageError("is the policy that holds already", where=where)
    _refuse_new_looks(stored.policy, policy, stored.parts.checks, where)
    change = dataclasses.replace(change, before_sha256=stored.policy.sha256)
    with staged(stored.folder) as place:
        refuse_altered(stored.folder)
        stored.on_record.refuse_other()
        add_change(change, stored.folder, place)
        policy = _with_changes(policy, (*read_changes(stored.folder), change))
        parts = decided_at(stored.parts, change.at)
        result = judge(parts, policy, stored.overrides, stored.pictures)
        write_decisions(result, stored.folder, text, place)
    return result


def _refuse_new_looks(
    before: VetPolicy, after: VetPolicy, checks: Sequence[Check], where: str
) -> None:
    """Refuse what would need the images: other settings, a check that was off."""
    hint = "vet the images again with this policy: qiqa vet PATH --policy"
    for check in checks:
        # whether decisions fit is seen of what is on record
        if check.name in {*after.off, DECISIONS.name}:
            continue
        if check.name in before.off:
            message = f"check {check.name} was off: nothing is known of what it would see"
            raise UsageError(message, where=where, hint=hint)
        old, new = settings_of(check, before), settings_of(check, after)
        changed = [name for name in new if old.get(name) != new[name]]
        if changed:
            values = ", ".join(f"{n} from {old.get(n)!r} to {new[n]!r}" for n in changed)
            message = f"check {check.name} would look in another way: {values}"
            raise UsageError(message, where=where, hint=hint)
