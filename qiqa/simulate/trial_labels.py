"""Exams of a simulated trial that somebody entered wrongly."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
from numpy.typing import NDArray

from qiqa.simulate.trial_design import TrialDesign
from qiqa.simulate.trial_exams import Exams, unit_names
from qiqa.simulate.trial_truth import PlantedError
from qiqa.simulate.trial_vials import CONTENT_PERCENT, INSERTS

__all__ = ["Entered", "mislabel"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
TextArray = NDArray[np.str_]

_KINDS = ("swapped_inserts", "wrong_unit", "wrong_date", "wrong_phantom")
_YEAR_DAYS = 365.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entered:
    """What stands in the tables for x exams of v vials."""

    vial: IntArray
    """(x, v) index of the vial whose value stands under a name."""
    unit: TextArray
    """(x,)."""
    day: FloatArray
    """(x,)."""
    other_phantom: NDArray[np.bool_]
    """(x,) whether it was another phantom that lay in the scanner."""
    errors: tuple[PlantedError, ...]


def mislabel(
    design: TrialDesign,
    exams: Exams,
    names: TextArray,
    scanners: TextArray,
    rng: np.random.Generator,
) -> Entered:
    """Return how the exams were entered; no exam has two errors.

    Parameters
    ----------
    names, scanners
        (x,) of the exams.
    rng
        Chooses the details; which exams, their `label_score` says.
    """
    units = unit_names(design)
    entered = Entered(
        vial=np.tile(np.arange(len(INSERTS)), (len(names), 1)),
        unit=units[exams.unit],
        day=exams.day.copy(),
        other_phantom=np.zeros(len(names), dtype=np.bool_),
        errors=(),
    )
    monthly = np.flatnonzero(~exams.travels)
    queue = iter(monthly[np.argsort(exams.label_score[monthly])].tolist())
    errors: list[PlantedError] = []
    for kind, details in zip(_KINDS, rng.spawn(len(_KINDS)), strict=True):
        for _ in range(round(design.labels.dose * getattr(design.labels, kind))):
            exam = next(queue, None)
            if exam is None:
                break  # more errors than exams
            true, wrong = _APPLY[kind](entered, exam, design, details)
            place = (str(names[exam]), str(scanners[exam]))
            errors.append(PlantedError(kind=kind, exam=place[0], scanner=place[1], true=true,
                                       entered=wrong))  # fmt: skip
    return dataclasses.replace(entered, errors=tuple(errors))


def _swapped(
    entered: Entered, exam: int, _design: TrialDesign, rng: np.random.Generator
) -> tuple[str, str]:
    """Give two vials of different contents each other's name."""
    order = rng.permutation(len(INSERTS)).tolist()
    a = order[0]
    b = next(i for i in order if CONTENT_PERCENT[i] != CONTENT_PERCENT[a])
    entered.vial[exam, [a, b]] = b, a
    return f"{INSERTS[a]}, {INSERTS[b]}", f"{INSERTS[b]}, {INSERTS[a]}"


def _unit(
    entered: Entered, exam: int, design: TrialDesign, rng: np.random.Generator
) -> tuple[str, str]:
    """Enter another site's unit; in a trial of one site, one that nobody has."""
    names = unit_names(dataclasses.replace(design, sites=max(design.sites, 2)))
    true = str(entered.unit[exam])
    own = names.tolist().index(true)
    count = max(design.sites, 2)
    wrong = str(names[(own + 1 + int(rng.integers(count - 1))) % count])
    entered.unit[exam] = wrong
    return true, wrong


def _dated(
    entered: Entered, exam: int, design: TrialDesign, _rng: np.random.Generator
) -> tuple[str, str]:
    start = dt.datetime.combine(design.start, dt.time())
    true = float(entered.day[exam])
    entered.day[exam] = true - _YEAR_DAYS
    days = (start + dt.timedelta(days=day) for day in (true, true - _YEAR_DAYS))
    said = [day.date().isoformat() for day in days]
    return said[0], said[1]


def _other(
    entered: Entered, exam: int, _design: TrialDesign, _rng: np.random.Generator
) -> tuple[str, str]:
    entered.other_phantom[exam] = True
    return "a phantom with other contents", str(entered.unit[exam])


_APPLY = dict(zip(_KINDS, (_swapped, _unit, _dated, _other), strict=True))
