"""Observations held against a policy: what is done with a series, and why."""

from __future__ import annotations

from collections.abc import Iterable

from qiqa.core.vetting import Action, Decision, Observation, Override, VetPolicy

__all__ = ["decide"]


def decide(
    observations: Iterable[Observation], policy: VetPolicy, override: Override | None = None
) -> Decision:
    """Return the strictest action that the policy asks for.

    A value that is not above its limit, and a code without a rule, call for nothing. Where nothing
    known would put a series right, what asks for `correct` asks for `quarantine`.

    Parameters
    ----------
    observations
        Of one series.
    policy
        The rules.
    override
        A person's decision, which wins; the reasons stay.
    """
    called: dict[str, Action] = {}
    corrections: list[str] = []
    for one in sorted(observations, key=lambda o: (o.code, o.where, o.correction)):
        rule = policy.rules.get(one.code)
        if rule is None or not one.value > rule.limit:
            continue
        action = rule.action
        if action is Action.CORRECT and not one.correction:
            action = Action.QUARANTINE
        elif action is Action.CORRECT:
            corrections.append(one.correction)
        called[one.code] = max(called.get(one.code, Action.KEEP), action, key=lambda a: a.rank)
    reasons = sorted(
        (code for code, a in called.items() if a is not Action.KEEP),
        key=lambda c: (-called[c].rank, c),
    )
    action = max(called.values(), key=lambda a: a.rank, default=Action.KEEP)
    return Decision(
        action=action if override is None else override.action,
        reasons=tuple(reasons),
        corrections=tuple(dict.fromkeys(corrections)),
        override=override,
    )
