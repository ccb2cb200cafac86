"""One phantom lies in one place: series of an exam agree on it, and settle each other's doubts."""

from __future__ import annotations

import dataclasses

import numpy as np

from qiqa.geometry.rigid import placed_alike
from qiqa.locate._labeling import Labeling

__all__ = ["Verdict", "settle"]

_TURN_DEG = 8.0
_SHIFT_MM = 12.0
"""Two series agree where they put the phantom within this; a single slice knows its depth only
by its own thickness."""
_DECIDED, _LEAST = 0.3, 0.15
"""Evidence by which the best explanation must lead, as a share of its own by sighting (landmarks
in noisy or coarse images are less like themselves), and at least."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """Where the phantom lies, or what is still possible."""

    choices: tuple[tuple[Labeling | None, ...], ...]
    """One entry an explanation that is left, best first; in each one labeling a sighting, None
    where the sighting contradicts it."""
    lead: float
    """Evidence by which the first explanation leads the next; infinite without a rival."""

    @property
    def decided(self) -> bool:
        """Whether one explanation is left."""
        return len(self.choices) == 1


def settle(read: list[list[Labeling]]) -> Verdict:
    """Choose among explanations of all sightings together.

    Parameters
    ----------
    read
        For each sighting its labelings. All are of one frame of reference.
    """
    explained: list[tuple[float, tuple[Labeling | None, ...]]] = []
    for labeling in (item for items in read for item in items):
        if any(_holds(choice, labeling) for _, choice in explained):
            continue
        choice = tuple(_fitting(items, labeling) for items in read)
        explained.append((_total(choice), choice))
    explained.sort(key=lambda item: -item[0])
    if not explained:
        return Verdict((), 0.0)
    best = explained[0][0]
    needed = max(_DECIDED * best / len(read), _LEAST)
    left = tuple(choice for total, choice in explained if best - total < needed)
    lead = best - explained[1][0] if len(explained) > 1 else np.inf
    return Verdict(left, float(lead))


def _total(choice: tuple[Labeling | None, ...]) -> float:
    # a sighting that contradicts weighs as much as one whose landmarks are all elsewhere
    return sum(-1.0 if item is None else item.evidence for item in choice)


def _holds(choice: tuple[Labeling | None, ...], labeling: Labeling) -> bool:
    return any(item is labeling for item in choice)


def _fitting(items: list[Labeling], other: Labeling) -> Labeling | None:
    """Return the labeling of a sighting that puts the phantom where another one does."""
    near = [
        item for item in items if placed_alike(item.to_world, other.to_world, _TURN_DEG, _SHIFT_MM)
    ]
    return max(near, key=lambda item: item.evidence, default=None)
