"""Two outputs of a vetting side by side: which series are decided otherwise, and why."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from qiqa.core.errors import ReadError
from qiqa.core.vetting import Action, Check, VetPolicy
from qiqa.io.policy_file import read_policy
from qiqa.io.vet_files import POLICY
from qiqa.io.vet_parts import read_manifest
from qiqa.vetting.checking import settings_of

__all__ = ["ChangedSeries", "PolicyDifference", "VetComparison", "compare_outputs"]


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
class PolicyDifference:
    """One thing that the two policies say otherwise."""

    what: str
    """`rule <code>`, `check <name>`, `setting <check>.<name>`."""
    before: str
    after: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VetComparison:
    """What differs."""

    moves: Mapping[tuple[Action | None, Action | None], int]
    """Action before and after -> series, those that stayed too; None: not there."""
    changed: tuple[ChangedSeries, ...]
    """In the order of series UID, then path."""
    policies: tuple[PolicyDifference, ...]
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
        If a manifest is missing or damaged.
    DefinitionError
        If a policy is none.
    """
    moves: collections.Counter[tuple[Action | None, Action | None]] = collections.Counter()
    counted: tuple[collections.Counter[str], ...] = (collections.Counter(), collections.Counter())
    changed = []
    for old, new in _paired(read_manifest(before), read_manifest(after)):
        actions = _action(old, before), _action(new, after)
        moves[actions] += 1
        reasons = _reasons(old), _reasons(new)
        for counter, called in zip(counted, reasons, strict=True):
            counter.update(called)
        if actions[0] is not actions[1] or _correction(old) != _correction(new):
            changed.append(_changed(old, new, actions, reasons))
    codes = sorted({*counted[0], *counted[1]})
    policies = read_policy(before / POLICY, checks), read_policy(after / POLICY, checks)
    return VetComparison(
        moves=dict(moves),
        changed=tuple(changed),
        policies=tuple(_policy_differences(*policies, checks)),
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
) -> Iterator[PolicyDifference]:
    for code in sorted({*before.rules, *after.rules}):
        old, new = (_rule_words(policy, code) for policy in (before, after))
        if old != new:
            yield PolicyDifference(what=f"rule {code}", before=old, after=new)
    for check in checks:
        on = ["off" if check.name in policy.off else "on" for policy in (before, after)]
        if on[0] != on[1]:
            yield PolicyDifference(what=f"check {check.name}", before=on[0], after=on[1])
        settings = settings_of(check, before), settings_of(check, after)
        for name in settings[0]:
            values = [str(given[name]) for given in settings]
            if values[0] != values[1]:
                what = f"setting {check.name}.{name}"
                yield PolicyDifference(what=what, before=values[0], after=values[1])


def _rule_words(policy: VetPolicy, code: str) -> str:
    rule = policy.rules.get(code)
    return "none" if rule is None else f"{rule.action} above {rule.limit:g}"
