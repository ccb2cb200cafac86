"""Two outputs of a vetting side by side: which series are decided otherwise, and why."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from qiqa.core.errors import ReadError
from qiqa.core.vet_payload import StoredWords
from qiqa.core.vetting import Action, Check, VetPolicy
from qiqa.io.policy_file import read_policy
from qiqa.io.staged import settle
from qiqa.io.vet_files import POLICY, read_vet_json
from qiqa.io.vet_parts import read_manifest
from qiqa.vetting.checking import settings_of

__all__ = ["ChangedSeries", "Difference", "VetComparison", "compare_outputs"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChangedSeries:
    """One series that is decided or corrected otherwise, or is in one output only."""

    series_uid: str
    path: str
    site: str
    before: Action | None
    """None: not there."""
    after: Action | None
    gone: tuple[str, ...]
    """Reasons that no longer call for anything."""
    new: tuple[str, ...]
    """Reasons that did not before."""
    evidence: str
    """As the later output says it; the earlier one where the series is gone."""
    corrections: tuple[str, str] = ("", "")
    """What has to be done before use, before and after."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that two outputs were decided by, and that is not the same."""

    what: str
    """`rule <code>`, `check <name>`, `setting <check>.<name>` of a policy; or in words."""
    before: str
    after: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VetComparison:
    """What differs."""

    moves: Mapping[tuple[Action | None, Action | None], int]
    """Action before and after -> series, those that stayed too; None: not there."""
    changed: tuple[ChangedSeries, ...]
    """In the order of series UID, then path."""
    policies: tuple[Difference, ...]
    made: tuple[Difference, ...]
    """Version, tables, history, key; what could not be looked for in one of them."""
    whole: tuple[Difference, ...]
    """What is above the policy's limit for the set as a whole in one of them only."""
    altered: tuple[str, ...]
    """Series UID of each series that is in both and is not what it was, in order."""
    reasons: Mapping[str, tuple[int, int]]
    """Code -> series that it called for something in, before and after; where they differ."""

    @property
    def series(self) -> tuple[int, int]:
        """How many series there were, before and after."""
        before = sum(n for (old, _), n in self.moves.items() if old is not None)
        after = sum(n for (_, new), n in self.moves.items() if new is not None)
        return before, after


def compare_outputs(before: Path, after: Path, checks: Sequence[Check]) -> VetComparison:
    """Compare two outputs, one series at a time.

    Series are the same where UID and path are.

    Parameters
    ----------
    before, after
        Folders that `qiqa vet` wrote.
    checks
        All that there are.

    Raises
    ------
    ReadError
        If a manifest or vet.json is missing or damaged.
    DefinitionError
        If a policy is none.
    OutputError
        If a run was ended while it wrote, and what it wrote cannot be put in its place.
    """
    for folder in (before, after):
        settle(folder)
    moves: collections.Counter[tuple[Action | None, Action | None]] = collections.Counter()
    counted: tuple[collections.Counter[str], ...] = (collections.Counter(), collections.Counter())
    changed, altered = [], []
    for old, new in _paired(read_manifest(before), read_manifest(after)):
        actions = _action(old, before), _action(new, after)
        moves[actions] += 1
        if old is not None and new is not None and old["seen"] != new["seen"]:
            altered.append(new["series_uid"])
        reasons = _reasons(old), _reasons(new)
        for counter, called in zip(counted, reasons, strict=True):
            counter.update(called)
        if actions[0] is not actions[1] or _correction(old) != _correction(new):
            changed.append(_changed(old, new, actions, reasons))
    codes = sorted({*counted[0], *counted[1]})
    policies = read_policy(before / POLICY, checks), read_policy(after / POLICY, checks)
    words = read_vet_json(before), read_vet_json(after)
    return VetComparison(
        moves=dict(moves),
        changed=tuple(changed),
        altered=tuple(altered),
        policies=tuple(_policy_differences(*policies, checks)),
        made=(
            *_differences(_made_by(words[0]), _made_by(words[1]), "none given"),
            *_differences(
                _not_run(words[0], policies[0]), _not_run(words[1], policies[1]), "looked for"
            ),
        ),
        whole=tuple(
            _differences(_above(words[0], policies[0]), _above(words[1], policies[1]), "not above")
        ),
        reasons={
            code: (counted[0][code], counted[1][code])
            for code in codes
            if counted[0][code] != counted[1][code]
        },
    )


_Row = Mapping[str, str]


def _key(row: _Row) -> tuple[str, str]:
    return row["series_uid"], row["path"]


def _paired(
    left: Iterator[_Row], right: Iterator[_Row]
) -> Iterator[tuple[_Row | None, _Row | None]]:
    """Yield rows of two sorted manifests side by side, None where one has no such series."""
    old, new = next(left, None), next(right, None)
    while old is not None or new is not None:
        if new is None or (old is not None and _key(old) < _key(new)):
            yield old, None
            old = next(left, None)
        elif old is None or _key(new) < _key(old):
            yield None, new
            new = next(right, None)
        else:
            yield old, new
            old, new = next(left, None), next(right, None)


def _action(row: _Row | None, folder: Path) -> Action | None:
    if row is None:
        return None
    try:
        return Action(row["decision"])
    except ValueError as error:
        message = f"series {row['series_uid']}: {row['decision']!r} is no decision"
        hint = "give the folder that qiqa vet wrote"
        raise ReadError(message, where=str(folder), hint=hint) from error


def _reasons(row: _Row | None) -> tuple[str, ...]:
    return tuple(code for code in row["reasons"].split(";") if code) if row is not None else ()


def _correction(row: _Row | None) -> str:
    return "" if row is None else row["correction"]


def _changed(
    old: _Row | None,
    new: _Row | None,
    actions: tuple[Action | None, Action | None],
    reasons: tuple[tuple[str, ...], tuple[str, ...]],
) -> ChangedSeries:
    row = new if new is not None else old
    if row is None:
        raise AssertionError("a pair of nothing")
    return ChangedSeries(
        series_uid=row["series_uid"],
        path=row["path"],
        site=row["site"],
        before=actions[0],
        after=actions[1],
        gone=tuple(code for code in reasons[0] if code not in reasons[1]),
        new=tuple(code for code in reasons[1] if code not in reasons[0]),
        evidence=row["evidence"],
        corrections=(_correction(old), _correction(new)),
    )


def _policy_differences(
    before: VetPolicy, after: VetPolicy, checks: Sequence[Check]
) -> Iterator[Difference]:
    for code in sorted({*before.rules, *after.rules}):
        old, new = (_rule_words(policy, code) for policy in (before, after))
        if old != new:
            yield Difference(what=f"rule {code}", before=old, after=new)
    for check in checks:
        on = ["off" if check.name in policy.off else "on" for policy in (before, after)]
        if on[0] != on[1]:
            yield Difference(what=f"check {check.name}", before=on[0], after=on[1])
        settings = settings_of(check, before), settings_of(check, after)
        for name in settings[0]:
            values = [str(given[name]) for given in settings]
            if values[0] != values[1]:
                what = f"setting {check.name}.{name}"
                yield Difference(what=what, before=values[0], after=values[1])


def _rule_words(policy: VetPolicy, code: str) -> str:
    rule = policy.rules.get(code)
    return "none" if rule is None else f"{rule.action} above {rule.limit:g}"


def _differences(old: Mapping[str, str], new: Mapping[str, str], lack: str) -> Iterator[Difference]:
    for what in dict.fromkeys((*old, *new)):
        before, after = old.get(what, lack), new.get(what, lack)
        if before != after:
            yield Difference(what=what, before=before, after=after)


def _made_by(words: StoredWords) -> dict[str, str]:
    """Return what a set was decided by besides images and policy."""
    made = {"qiqa": words.provenance.qiqa_version}
    if words.provenance.key_fingerprint:
        made["key of hashes"] = words.provenance.key_fingerprint
    for one in words.provenance.files:
        # several files may have one role
        before = f"{made[one.role]}, " if one.role in made else ""
        made[one.role] = f"{before}{one.name} ({one.sha256[:12]})"
    return made


def _not_run(words: StoredWords, policy: VetPolicy) -> dict[str, str]:
    off = {*policy.off}  # that is a difference of the policies
    return {f"look for {name}": why for name, why in words.not_run.items() if name not in off}


def _above(words: StoredWords, policy: VetPolicy) -> dict[str, str]:
    """Return what holds of the set as a whole and is above a limit."""
    found = {}
    for given in words.statements.values():
        for one in given:
            rule = policy.rules.get(one.code)
            if rule is None or rule.action is Action.KEEP or not one.value > rule.limit:
                continue
            name = f"{one.code} ({one.subject})" if one.subject else one.code
            found[name] = "above its limit"
    return found
