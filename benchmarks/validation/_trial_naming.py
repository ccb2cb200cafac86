"""What is named in simulated trials, held against what was planted."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections import Counter
from typing import Any

import numpy as np
from _trial_conditions import ALWAYS, every_third_month
from numpy.typing import NDArray

from qiqa.core.trial import BiasStudy, ClaimAnswer, Flag, Readings
from qiqa.harmonize.scanners.bias import study_bias
from qiqa.harmonize.scanners.preparing import Prepared, prepare
from qiqa.simulate.trial import SimulatedTrial, TrialDesign, simulate_trial
from qiqa.simulate.trial_design import Circulating
from qiqa.simulate.trial_faults import (
    GradientFailure,
    LabelErrors,
    Nonlinearity,
    ScannerSpread,
)

__all__ = ["CLAIM_PERCENT", "TIMES", "answers", "labels", "moves", "true_places"]

FloatArray = NDArray[np.float64]
CLAIM_PERCENT = 3.6
"""The default for ADC."""
TIMES = (0.0, 0.5, 1.0, 1.5, 2.0)
"""True bias of the scanners in parts of the claim."""
_EXPECTED = {
    "swapped_inserts": ("swapped_inserts",),
    "wrong_unit": ("odd_phantom_unit", "wrong_phantom_unit"),
    "wrong_date": ("dates_out_of_order",),
    "wrong_phantom": ("wrong_phantom",),
}
_KINDS = (
    *("swapped_inserts", "wrong_unit", "wrong_phantom_unit", "wrong_phantom"),
    *("dates_out_of_order", "copied_values", "odd_phantom_unit"),
)
_MANY = LabelErrors(swapped_inserts=5, wrong_unit=5, wrong_date=5, wrong_phantom=5)
_LATE = dt.date(2024, 1, 1)


def _of_exams(flags: tuple[Flag, ...]) -> dict[str, str]:
    """Return where -> kind of the flags of labeling."""
    return {flag.where: flag.kind for flag in flags if flag.kind in _KINDS}


def labels(seed: list[int], judged: bool) -> list[dict[str, Any]]:
    """Return how many of 20 planted errors are named as what they are, and what is named falsely.

    ``judged``: also what answers are wrong: `in` where the noise-free readings are out of claim,
    and the other way round.
    """
    full = dataclasses.replace(TrialDesign(), labels=_MANY)
    designs = {
        "nothing planted": TrialDesign().only(*ALWAYS),
        "label errors alone": full.only(*ALWAYS, "labels"),
        "all": full,
        "all, ice water": dataclasses.replace(full, bath="ice"),
        "all, 2 circulating units": dataclasses.replace(full, circulating=Circulating(units=2)),
    }
    rows = []
    for title, design in designs.items():
        trial = simulate_trial(design, np.random.default_rng(seed))
        prepared = prepare(trial.readings[0], today=_LATE)
        row = {"condition": title, **_labels(trial, prepared)}
        if judged and title != "label errors alone":
            row |= _wrong(trial, prepared, study_bias(prepared, CLAIM_PERCENT))
        rows.append(row)
    return rows


def _labels(trial: SimulatedTrial, prepared: Prepared) -> dict[str, Any]:
    named = _of_exams(prepared.flags)
    planted, found, otherwise = Counter[str](), Counter[str](), Counter[str]()
    places, missed = set(), []
    for error in trial.truth.errors:
        place = f"{error.scanner}, exam {error.exam}"
        places.add(place)
        planted[error.kind] += 1
        kind = named.get(place)
        hit = kind in _EXPECTED[error.kind]
        found[error.kind] += hit
        if not hit:
            missed.append(f"{error.kind}, {place}, {error.true} entered as {error.entered}")
        otherwise[error.kind] += kind is not None and kind not in _EXPECTED[error.kind]
    wrong = Counter(kind for where, kind in named.items() if where not in places)
    kinds = Counter(flag.kind for flag in prepared.flags)
    return {
        "planted": dict(planted),
        "found": dict(found),
        "otherwise": dict(otherwise),
        "false": dict(wrong),
        "missed": missed,
        "two_places": kinds["unit_in_two_places"],
        "exams": int(np.unique(trial.readings[0].exam).size),
    }


def true_places(trial: SimulatedTrial, found: Readings, reference: FloatArray) -> dict[Any, Any]:
    """Return (scanner, epoch) -> bias without noise [%] at the middle, lowest, highest reference.

    Read off between what contents are off by in the middle of the exams, with positions, upgrades
    and failures as they were: in percent no straight line where a scanner has an offset.
    """
    whole = trial.readings[0]
    place = {row: i for i, row in enumerate(whole.row.tolist())}
    index = np.array([place[row] for row in found.row.tolist()])
    off = 100.0 * trial.truth.reading_bias[index] / trial.truth.reading_true_value[index]
    places = float(reference.min()), float(reference.max())
    places = (0.5 * sum(places), *places)
    content = np.array([name.partition("-")[0] for name in found.insert.tolist()])
    key = np.char.add(np.char.add(found.scanner, "|"), found.epoch)
    order = np.argsort(key, kind="stable")
    made = {}
    for rows in np.split(order, np.flatnonzero(key[order][1:] != key[order][:-1]) + 1):
        here = [rows[content[rows] == one] for one in np.unique(content[rows])]
        x = np.array([np.mean(reference[r]) for r in here])
        y = np.array([np.median(off[r]) for r in here])
        rising = np.argsort(x)
        name = (str(found.scanner[rows[0]]), str(found.epoch[rows[0]]))
        made[name] = tuple(np.interp(places, x[rising], y[rising]).tolist())
    return made


def _wrong(trial: SimulatedTrial, prepared: Prepared, study: BiasStudy) -> dict[str, Any]:
    true = true_places(trial, prepared.found.readings, prepared.found.reference)
    count, wrong = Counter[str](), Counter[str]()
    for one in study.scanners:
        worst = max(abs(b) for b in true[one.scanner, one.epoch])
        answer = str(one.claim)
        count[answer] += 1
        wrong["in"] += one.claim is ClaimAnswer.IN and worst > CLAIM_PERCENT
        wrong["out"] += one.claim is ClaimAnswer.OUT and worst < CLAIM_PERCENT
        count["truly out"] += worst > CLAIM_PERCENT
    return {"answers": dict(count), "wrong": dict(wrong)}


def moves(seed: list[int]) -> list[dict[str, Any]]:
    """Return whether a gradient failure is named, how far its date is off, and false ones."""
    rows = []
    background = TrialDesign().without("labels")
    for ramp, size in ((0.0, -6.0), (0.0, -3.0), (0.0, -1.5), (0.5, -6.0), (0.5, -3.0)):
        failure = GradientFailure(size_percent=size, ramp_years=ramp)
        trial = simulate_trial(
            dataclasses.replace(background, gradient_failure=failure), np.random.default_rng(seed)
        )
        for every, readings in (
            ("month", trial.readings[0]),
            ("quarter", every_third_month(trial.readings[0])),
        ):
            flags = [f for f in prepare(readings, today=_LATE).flags if f.kind == "moved"]
            own = [f for f in flags if f.where == trial.truth.scanner[0]]
            begins = trial.truth.bias.start + np.timedelta64(
                round(86400 * trial.truth.bias.failure_day[0]), "s"
            )
            rows.append(
                {
                    "size": size,
                    "ramp": ramp,
                    "every": every,
                    "found": len(own) > 0,
                    "days_late": _days_late(own, begins),
                    "false": len(flags) - len(own),
                }
            )
    return rows


def _days_late(own: list[Flag], begins: np.datetime64) -> float:
    """Return days from the truth to the first day that is named."""
    said = [np.datetime64(word[:10]) for f in own for word in f.reason.split() if word[:2] == "20"]
    # of each flag the second date is the first exam since
    since = said[1::2]
    return float((min(since) - begins) / np.timedelta64(1, "D")) if since else math.nan


def answers(seed: list[int]) -> list[dict[str, Any]]:
    """Return answers against the claim for scanners of known bias, by number of exams and bath."""
    names = tuple(f"Vendor {name}" for name in "ABCDE")
    spread = ScannerSpread(
        vendor_slope_percent=tuple(CLAIM_PERCENT * k for k in TIMES),
        vendor_offset_mm2_per_s=(0.0,) * len(TIMES),
        scanner_slope_percent=0.0,
        scanner_offset_mm2_per_s=0.0,
    )
    flat = Nonlinearity(at_100mm_percent=((0.0, 0.0, 0.0),) * len(TIMES))
    plain = TrialDesign(vendors=names, scanner_bias=spread, nonlinearity=flat, years=1.0)
    people = dataclasses.replace(plain.participants, count=1)
    design = dataclasses.replace(plain, participants=people)
    design = dataclasses.replace(design, upgrades=dataclasses.replace(plain.upgrades, dose=0.0))
    design = design.only("phantom_noise", "scanner_bias", "units", "thermometer")
    rows = []
    for bath in ("room", "ice"):
        trial = simulate_trial(dataclasses.replace(design, bath=bath), np.random.default_rng(seed))
        for exams in (2, 4, 12):
            readings = trial.readings[0]
            readings = readings.take(readings.visit <= exams)
            study = study_bias(prepare(readings, today=_LATE), CLAIM_PERCENT)
            for k, name in enumerate(names):
                found = Counter(
                    str(one.claim) for one in study.scanners if one.manufacturer == name
                )
                rows.append({"bath": bath, "exams": exams, "times": TIMES[k], **found})
    return rows
