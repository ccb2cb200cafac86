"""The checks that there are, and running those of one kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import ModuleType

from qiqa.core.finding import Severity
from qiqa.core.registry import Registry
from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import (
    Check,
    Examined,
    Needs,
    Observation,
    Reason,
    SeriesFacts,
    SetAnswer,
    Settings,
    Stack,
    VetPolicy,
)

__all__ = [
    "EXAMINATION",
    "checks",
    "examine_headers",
    "examine_pixels",
    "examine_set",
    "settings_of",
]

_CHECKS = Registry("qiqa.vetting.checks")
EXAMINATION = Check(
    name="examination",
    needs=Needs.FILE,
    title="Examining it came to an end",
    reasons=(
        Reason(
            code="not_examined",
            severity=Severity.ERROR,
            title="could not be examined",
            meaning="A check failed on it, or the process that worked on it died: what is wrong "
            "with it is not known.",
        ),
    ),
)
"""What is said where a check itself failed."""


def checks() -> tuple[Check, ...]:
    """Return all checks, in the order of their names."""
    return tuple(_CHECKS.load(name).CHECK for name in _CHECKS.names())


def settings_of(check: Check, policy: VetPolicy) -> Settings:
    """Return the settings of a check: those of the policy, else their defaults."""
    own = {one.name: one.default for one in check.settings}
    return {**own, **policy.settings.get(check.name, {})}


def _wanted(needs: Needs, policy: VetPolicy) -> Iterator[tuple[ModuleType, Settings]]:
    for name in _CHECKS.names():
        module = _CHECKS.load(name)
        if module.CHECK.needs is needs and name not in policy.off:
            yield module, settings_of(module.CHECK, policy)


def examine_headers(facts: SeriesFacts, policy: VetPolicy) -> tuple[Observation, ...]:
    """Return what all checks of headers see of one series."""
    found: list[Observation] = []
    for module, settings in _wanted(Needs.HEADER, policy):
        found += module.look(facts, settings)
    return tuple(found)


def examine_pixels(stack: Stack, policy: VetPolicy) -> Examined:
    """Return what all checks of pixels see of one series; of what is no image, only that."""
    kinds: list[Examined] = []
    for module, settings in _wanted(Needs.KIND, policy):
        kinds.append(module.look(stack, settings))
        if kinds[-1].modality:
            return kinds[-1]
    seen = [module.look(stack, settings) for module, settings in _wanted(Needs.PIXELS, policy)]
    return _together([*kinds, *seen])


def _together(seen: Iterable[Examined]) -> Examined:
    observations: list[Observation] = []
    features: dict[str, float] = {}
    signature = thumbnail = b""
    for one in seen:
        observations += one.observations
        features.update(one.features)
        signature = one.signature or signature
        thumbnail = one.thumbnail or thumbnail
    return Examined(
        observations=tuple(observations),
        features=features,
        signature=signature,
        thumbnail=thumbnail,
    )


def examine_set(table: VetTable, policy: VetPolicy) -> dict[str, SetAnswer]:
    """Return what each check of all series together sees."""
    return {
        module.CHECK.name: module.look(table, settings)
        for module, settings in _wanted(Needs.SET, policy)
    }
