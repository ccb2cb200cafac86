"""Simulated trials of the studies: one fault at a time, all of them, all but one."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.participants import ParticipantValues
from qiqa.core.trial import Readings
from qiqa.simulate.trial import TrialDesign
from qiqa.simulate.trial_design import FAULTS, Circulating

__all__ = ["ALWAYS", "GROUPS", "Condition", "conditions", "every_third_month", "unequal_arms"]

ALWAYS = ("phantom_noise", "tissue_noise", "effect")
"""Without them nothing scatters and there is nothing to find."""
GROUPS: dict[str, tuple[str, ...]] = {
    "scanner biases": ("scanner_bias",),
    "gradient failure": ("gradient_failure",),
    "upgrades": ("upgrades",),
    "unit and thermometer errors": ("units", "thermometer"),
    "non-commutable phantoms": ("commutability",),
    "off-center gradients, repositioned": ("nonlinearity", "repositioning"),
    "missed exams, openings": ("missed", "opening"),
    "participants change scanner": ("second_scanner",),
    "label errors": ("labels",),
}
"""What a person would name -> faults of the simulator."""
_NEEDS_BIAS = ("non-commutable phantoms", "participants change scanner")
"""Of no effect, or of little, where scanners have no bias."""


@dataclasses.dataclass(frozen=True)
class Condition:
    """A trial that is simulated."""

    title: str
    design: TrialDesign
    treated_at_vendor: tuple[float, ...] = ()
    """Share of the treated at each vendor's sites; empty: half everywhere."""


def conditions() -> list[Condition]:
    """Return all trials: nothing, one at a time, everything, everything but one, and four more."""
    full = TrialDesign()
    features = ("feature_bias",)
    some = [Condition("none", full.only(*ALWAYS, *features))]
    for title, faults in GROUPS.items():
        more = ("scanner_bias",) if title in _NEEDS_BIAS else ()
        shown = f"{title}, scanner biases" if more else title
        some.append(Condition(shown, full.only(*ALWAYS, *features, *faults, *more)))
    some.append(Condition("all", full))
    some += [Condition(f"all but {title}", full.without(*f)) for title, f in GROUPS.items()]
    circulating = Circulating(units=2)
    some += [
        Condition("all, ice water", dataclasses.replace(full, bath="ice")),
        Condition("all, 2 circulating units", dataclasses.replace(full, circulating=circulating)),
        Condition("all, 480 participants at 15 sites", dataclasses.replace(full, sites=15)),
        Condition("all, arm follows vendor (80/20/50 %)", full, (0.8, 0.2, 0.5)),
    ]
    known = {fault for faults in GROUPS.values() for fault in faults} | {*ALWAYS, *features}
    if known != set(FAULTS):
        raise ValueError(f"faults of the simulator that are in no group: {set(FAULTS) ^ known}")
    return some


def every_third_month(readings: Readings) -> Readings:
    """Return each third monthly exam, and all of units that travel: a phantom each quarter."""
    return readings.take(~np.isfinite(readings.visit) | (readings.visit % 3 == 1))


def unequal_arms(
    people: ParticipantValues, shares: tuple[float, ...], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return which values (n,) are kept so that the share of the treated differs by vendor."""
    names, person = np.unique(people.participant, return_inverse=True)
    drawn = rng.random(len(names))[person]
    vendor = np.searchsorted(np.unique(people.vendor), people.vendor)
    share = np.array(shares)[vendor]
    most = np.maximum(share, 1.0 - share)
    wanted = np.where(people.arm == "treated", share, 1.0 - share)
    return np.asarray(drawn < wanted / most)
