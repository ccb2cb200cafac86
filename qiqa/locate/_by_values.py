"""Labels from measured values, where geometry leaves several; and whether values contradict them.

The content of inserts rises from label to label, and a fitted parameter falls or rises with it. A
labeling in whose order the parameter runs up and down is wrong, or the inserts were exchanged.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np

from qiqa.core.arrangement import Arrangement, Group
from qiqa.core.pose import PhantomPose

__all__ = ["Disorder", "choose_by_values", "disorder"]

_RIGHT = 0.25
"""Largest departure from order, in the logarithm, of a labeling that may be right."""
_WRONG = 3.0
"""How many times larger the departure of the next one must be."""
_LEAST = 5
"""Inserts with a value that are needed, or all of them."""
_EXCHANGED = 0.05
"""Departure, in the logarithm, from which inserts count as out of order."""
_UNSURE = 0.2
"""Relative standard uncertainty from which a value says nothing about the order."""
_CURED = 0.3
"""Share of the disorder that an exchange of two inserts may leave to be named as its cause."""


@dataclasses.dataclass(frozen=True, slots=True)
class Disorder:
    """Inserts whose values contradict their labels."""

    group: str
    exchanged: tuple[tuple[str, str], ...]
    """Pairs that, exchanged, would restore the order."""
    departure: float
    """RMS distance of ln(value) from the nearest order."""
    labels: tuple[str, ...]
    """All inserts that are off."""


def choose_by_values(
    poses: tuple[PhantomPose, ...],
    phantom: Arrangement,
    quantity: str,
    values: tuple[Mapping[str, float], ...],
) -> tuple[int | None, str]:
    """Return which of several poses the values fit, None where they do not tell, and why.

    Parameters
    ----------
    poses
        Ways of placing the phantom that look alike.
    phantom
        Its definition says how `quantity` runs.
    quantity
        Fitted parameter.
    values
        For each pose, value by insert label; NaN where there is none.
    """
    departures = [
        _departure(phantom, pose, quantity, v) for pose, v in zip(poses, values, strict=True)
    ]
    known = [d for d in departures if np.isfinite(d)]
    if len(known) < len(poses):
        return None, "too few inserts have a value to tell by their order"
    order = np.argsort(departures)
    best, second = departures[order[0]], departures[order[1]]
    words = f"departure from the order of contents {best:.2f}, next {second:.2f} (in the logarithm)"
    if best <= _RIGHT and second >= _WRONG * max(best, 0.02):
        return int(order[0]), words
    return None, words


def _departure(
    phantom: Arrangement, pose: PhantomPose, quantity: str, values: Mapping[str, float]
) -> float:
    found: list[float] = []
    inserts = 0
    for name in dict.fromkeys(item.group for item in pose.inserts):
        group = phantom.find_group(name)
        found += _off(group, quantity, values).values()
        inserts += len(group.labels)
    return (
        float(np.sqrt(np.mean(np.square(found)))) if len(found) >= min(_LEAST, inserts) else np.nan
    )


def _off(group: Group, quantity: str, values: Mapping[str, float]) -> dict[str, float]:
    """Return ln(value) less what it should be by the order of contents, by label.

    Equal contents are one step. Nothing where the group does not say how the quantity runs.
    """
    from scipy.optimize import isotonic_regression

    content = dict(zip(group.labels, group.contents, strict=True))
    known = {
        label: float(np.log(values[label]))
        for label in group.labels
        if np.isfinite(values.get(label, np.nan)) and values[label] > 0
    }
    if len(known) < 2:
        return {}
    if quantity in group.constant:
        middle = float(np.median(list(known.values())))
        return {label: value - middle for label, value in known.items()}
    if quantity not in (*group.falling, *group.rising):
        return {}
    steps: dict[float, list[float]] = {}
    for label, value in known.items():
        steps.setdefault(content[label], []).append(value)
    rising = sorted(steps)
    means = np.array([np.mean(steps[c]) for c in rising])
    weights = np.array([len(steps[c]) for c in rising], dtype=float)
    fitted = isotonic_regression(means, weights=weights, increasing=quantity in group.rising).x
    level = dict(zip(rising, fitted, strict=True))
    return {label: value - float(level[content[label]]) for label, value in known.items()}


def disorder(
    group: Group,
    quantity: str,
    values: Mapping[str, float],
    uncertainty: Mapping[str, float],
) -> Disorder | None:
    """Say which inserts of a labeled group are out of order, None where all are in order.

    Parameters
    ----------
    group
        Its contents say the order.
    quantity
        Fitted parameter; None is returned for one whose order the group does not state.
    values, uncertainty
        By insert label; an insert is out of order by more than three standard uncertainties and
        5 %. Inserts of equal content do not count: they differ for other reasons.
    """
    if quantity not in (*group.falling, *group.rising):
        return None
    values = {
        label: value
        for label, value in values.items()
        if uncertainty.get(label, 0.0) <= _UNSURE * abs(value)
    }
    off = _between(group, quantity, values)
    labels = tuple(
        label
        for label, x in off.items()
        if abs(x) > max(_EXCHANGED, 3 * uncertainty.get(label, 0.0) / values[label])
    )
    if not labels:
        return None
    before = _rms(off)
    pairs = []
    for one, other in itertools.combinations(off, 2):
        if one not in labels and other not in labels:
            continue
        swapped = {**values, one: values[other], other: values[one]}
        after = _rms(_between(group, quantity, swapped))
        if after < _CURED * before:
            pairs.append((after, (one, other)))
    return Disorder(group.name, tuple(pair for _, pair in sorted(pairs)[:1]), before, labels)


def _between(group: Group, quantity: str, values: Mapping[str, float]) -> dict[str, float]:
    """As `_off`, from the mean of each content, so that equal contents do not count."""
    content = dict(zip(group.labels, group.contents, strict=True))
    off = _off(group, quantity, values)
    return {
        label: float(np.mean([off[o] for o in off if content[o] == content[label]]))
        for label in off
    }


def _rms(off: Mapping[str, float]) -> float:
    return float(np.sqrt(np.mean(np.square(list(off.values())))))
