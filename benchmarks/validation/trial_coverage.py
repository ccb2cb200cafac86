"""Coverage of the intervals of a trial: biases, scatter, calibrated values, by kind of trial.

Small trials of 12 sites; counted is how often a 95 % interval holds what is true. A calibrated
value is one of 0.5, 1.0 and 1.5e-3 mm²/s at isocenter ten days after the last exam, with a day and
a noise of its own. Simulator and estimators share no code.

Full run (some minutes), writes docs/validation/trial_coverage.{md,json}:

    python benchmarks/validation/trial_coverage.py

Reduced run for continuous integration, writes nothing and fails where an aim is clearly missed:

    python benchmarks/validation/trial_coverage.py --reduced
"""

from __future__ import annotations

import argparse
import datetime as dt
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _evidence import cell, table, write
from _trial_keeping import about_runs, runs_of
from _trial_strata import Stratum, seen, strata

from qiqa.core.trial import Readings, ScannerBias
from qiqa.harmonize.phantom.calibrated import correct
from qiqa.harmonize.phantom.calibrating import calibrate
from qiqa.harmonize.scanners.bias import study_bias
from qiqa.harmonize.scanners.preparing import Prepared, prepare
from qiqa.metrology.precision import within_subject_cv
from qiqa.simulate.trial import SimulatedTrial, simulate_trial

SEED = 20261128
TODAY = dt.date(2024, 1, 1)
VALUES = (0.5e-3, 1.0e-3, 1.5e-3)
FloatArray = NDArray[np.float64]
WHATS = (
    *("bias, middle", "bias, lowest", "bias, highest"),
    *("wCV, a scanner", "wCV, scanners", "wCV, all inserts", "calibrated"),
)
REDUCED = (
    "base: 4 exams, 13 inserts, a unit each, room",
    "2 circulating units",
    "units go round, 4 exams",
    "units go round, no thermometer is off, no uncertainty is stated",
    "one site has a new unit from July on, 12 exams",
)
"""Kinds of trials of the reduced run."""
WORDS = (
    (
        "- **Ice water in mm²/s**: an offset and a gain are a line there too, but scatter is not "
        "the same everywhere: the highest reference is too narrow (92 %), the lowest too wide. In "
        "percent (93 to 94 %) they are a line along the reciprocal of the reference."
    ),
    (
        "- **Half or nothing stated (76 to 80 %, 47 to 60 %)**: what a unit and a thermometer "
        "share by all inserts of a scanner cannot be seen in its readings. The program takes what "
        "is stated, and flags where nothing is."
    ),
    "- **No error where one is stated (100 %)**: the interval holds what was stated, not what was.",
    (
        "- **wCV of all inserts as subjects (43 to 86 %)**: inserts of an exam share its day, and "
        "`within_subject_cv` counts them as independent. Take one insert, or the certificate, "
        "which counts exams. One insert on one scanner, and on all, is held (92 to 95 %; all "
        "strata without faults together 94 %)."
    ),
    (
        "- **wCV in trials with all faults (69 %)**: a failure of 6 % in the middle of twelve "
        "exams was named in 30 of 39 trials; in the others it counts as scatter."
    ),
    (
        "- **Calibrated values**: 95 to 98 % where uncertainties are stated rightly, by 1.96 u. "
        "Below where they are not (92 and 88 %), and in trials with all faults (91 %): "
        "participants do not get all of the phantom's bias. Ice and no error: wider than needed."
    ),
    (
        "- **Three inserts (98 % at the ends)**: one degree of freedom is left about the line; "
        "wide, and rightly careful."
    ),
)
"""What a person reads out of the tables of the last full run."""


def truths(
    trial: SimulatedTrial, found: Readings, percent: bool
) -> dict[tuple[str, str], dict[str, float]]:
    """Return what is true of each scanner and epoch [% or mm²/s], from readings without noise.

    At the middle and the ends of the references.
    """
    whole = trial.readings[0]
    exact = trial.truth.reading_bias
    if percent:
        exact = 100.0 * exact / trial.truth.reading_true_value
    low, high = float(found.reference.min()), float(found.reference.max())
    made = {}
    for scanner, epoch in dict.fromkeys(zip(found.scanner, found.epoch, strict=True)):
        exams = np.unique(found.exam[(found.scanner == scanner) & (found.epoch == epoch)])
        inside = (whole.scanner == scanner) & np.isin(whole.exam, exams)
        x, y = _by_reference(whole.reference[inside], whole.insert[inside], exact[inside])
        lowest, middle, highest = np.interp([low, 0.5 * (low + high), high], x, y)
        made[str(scanner), str(epoch)] = {
            "bias, middle": float(middle),
            "bias, lowest": float(lowest),
            "bias, highest": float(highest),
        }
    return made


def _by_reference(
    reference: FloatArray, insert: NDArray[np.str_], exact: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return mean reference and bias of each content, in the order of the reference."""
    content = np.array([name.partition("-")[0] for name in insert.tolist()])
    names = np.unique(content)
    x = np.array([reference[content == name].mean() for name in names])
    y = np.array([np.median(exact[content == name]) for name in names])
    order = np.argsort(x)
    return x[order], y[order]


def _held(low: float, high: float, truth: float) -> list[float]:
    return [float(low <= truth <= high)] if math.isfinite(low) else []


def biases(one: ScannerBias, true: dict[str, float], rows: dict[str, list[float]]) -> None:
    """Count whether the intervals of one scanner hold the truth."""
    rows["bias, middle"] += _held(*one.bias_interval, true["bias, middle"])
    for k, end in enumerate(("lowest", "highest")):
        rows[f"bias, {end}"] += _held(*one.ends_intervals[k], true[f"bias, {end}"])


def scatter(trial: SimulatedTrial, found: Readings, rows: dict[str, list[float]]) -> None:
    """Count whether intervals of wCV hold it: of pure water, and of all inserts at once."""
    noise, per_degc = trial.design.phantom_noise, trial.design.rooms.percent_per_degc[0]
    thermometer = trial.design.thermometer
    read = thermometer.dose * thermometer.reading_degc if trial.design.bath == "room" else 0.0
    common = noise.exam_percent**2 + noise.vial_percent**2 + (read * per_degc) ** 2
    ratio = found.value / found.reference
    place = np.char.add(np.char.add(found.scanner, found.epoch), found.phantom_unit)
    water = np.isin(found.insert, ("PVP0-center", "PVP0-inner", "PVP0-outer"))
    water &= found.insert == found.insert[water][0]
    for name, own in (
        *(("wCV, a scanner", water & (place == one)) for one in np.unique(place)),
        ("wCV, scanners", water),
        ("wCV, all inserts", found.insert != ""),
    ):
        subject = np.char.add(place, found.insert)[own]
        if np.unique(subject).size == subject.size:
            continue
        floor = 100.0 * noise.floor_mm2_per_s / found.reference[own]
        true = math.sqrt(common + float(np.mean(floor**2)))
        got = within_subject_cv(ratio[own], subject).interval
        rows[name] += _held(got.low, got.high, true)


def calibrated(
    trial: SimulatedTrial,
    prepared: Prepared,
    rng: np.random.Generator,
    rows: dict[str, list[float]],
) -> None:
    """Count whether calibrated values hold the truth within 1.96 standard uncertainties."""
    noise = trial.design.phantom_noise
    newest = {}
    for one in calibrate(prepared.found)[0]:
        newest[one.scanner] = one
    for one in newest.values():
        at = np.full(len(VALUES), np.datetime64(one.last + dt.timedelta(days=10), "s"))
        true = np.array(VALUES)
        scanner = np.full(len(VALUES), one.scanner)
        read = true + trial.truth.bias_at(scanner, at, true, of="participant")
        day = noise.exam_percent * rng.standard_normal() / 100.0
        own = noise.vial_percent / 100.0
        value = read * (1.0 + day + own * rng.standard_normal(len(VALUES)))
        got, u = correct(one, value, own * value)
        for v, s, t in zip(got, u, true, strict=True):
            if math.isfinite(v):
                rows["calibrated"] += _held(v - 1.96 * s, v + 1.96 * s, t)


def one_trial(stratum: Stratum, seed: list[int]) -> dict[str, Any]:
    """Return for each kind of interval of one trial how many there are and how many hold."""
    trial = simulate_trial(stratum.design, np.random.default_rng(seed))
    readings = seen(stratum, trial.readings[0], np.random.default_rng([*seed, 2]))
    prepared = prepare(readings, today=TODAY, percent=stratum.percent)
    percent = prepared.found.unit == "%"
    rows: dict[str, list[float]] = {what: [] for what in WHATS}
    true = truths(trial, prepared.found.readings, percent)
    for one in study_bias(prepared, None).scanners:
        biases(one, true[one.scanner, one.epoch], rows)
    scatter(trial, prepared.found.readings, rows)
    calibrated(trial, prepared, np.random.default_rng([*seed, 1]), rows)
    counts = {what: [len(held), sum(held)] for what, held in rows.items()}
    moved = [f.where == trial.truth.scanner[0] for f in prepared.flags if f.kind == "moved"]
    return {"stratum": stratum.title, "counts": counts, "failure_named": any(moved)}


def one_run(run: int) -> list[dict[str, Any]]:
    """Return a trial of each stratum."""
    return [one_trial(s, [SEED, run, k]) for k, s in enumerate(strata())]


def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return coverage with its SE over trials, by stratum and kind of interval."""
    out = []
    for title in dict.fromkeys(r["stratum"] for r in rows):
        own = [r["counts"] for r in rows if r["stratum"] == title]
        for what in WHATS:
            n, held = (np.array([c[what][k] for c in own], dtype=float) for k in (0, 1))
            share = held.sum() / n.sum() if n.sum() else math.nan
            off = held - share * n
            se = math.sqrt(float(np.sum(off**2))) / n.sum() if n.sum() else math.nan
            out.append(
                {"stratum": title, "what": what, "cover": share, "se": se, "n": int(n.sum())}
            )
    return out


def page(out: list[dict[str, Any]], about: dict[str, Any]) -> list[str]:
    """Return the page of the study."""
    own = {(r["stratum"], r["what"]): r for r in out}
    body = []
    for title in dict.fromkeys(r["stratum"] for r in out):
        cells = []
        for what in WHATS:
            r = own[title, what]
            odd = not 0.93 <= r["cover"] <= 0.98
            said = f"{cell(100 * r['cover'], '.1f')} ± {cell(100 * r['se'], '.1f')}"
            cells.append(f"**{said}**" if odd else said)
        body.append([title, *cells])
    return [
        "# Coverage of the intervals of a trial",
        "",
        ", ".join(f"{key} {value}" for key, value in about.items()),
        "",
        (
            "Percent of 95 % intervals that hold what is true, ± SE over trials; in bold below 93 "
            "and above 98 %. 12 sites, one year; scanners have offsets and slopes, units are off "
            "by 1 % and vials by 0.5 %, thermometers by 0.5 °C, and say so. `bias`: at the middle "
            "and the ends of the references. `wCV`: of repeated exams of pure water on one "
            "scanner, on all as subjects, and of all inserts taken for subjects of their own. "
            "`calibrated`: values ± 1.96 u."
        ),
        "",
        *table(["trial", *WHATS], body),
        "",
        "## What is outside, and why",
        "",
        *WORDS,
    ]


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--runs", type=int, help="trials of each kind; 42, 8 of those reduced")
    parser.add_argument("--keep", type=Path, help="folder for what is done of an interrupted run")
    arguments = parser.parse_args()
    began = time.perf_counter()
    if arguments.reduced:
        reduced(arguments.runs or 8)
        return
    runs = arguments.runs or 42
    out = numbers(runs_of(one_run, runs, arguments.keep, "coverage"))
    about = about_runs(SEED, began, arguments.keep, trials=runs * len(strata()))
    write("trial_coverage", page(out, about), {"about": about, "coverage": out})


def reduced(runs: int) -> None:
    """Fail where intervals clearly do not hold the truth: the simplest trial, and units that move.

    Trials are what varies: all scanners of one share units.
    """
    failed = []
    for title in REDUCED:
        (stratum,) = [s for s in strata() if s.title == title]
        print(f"{title}, {runs} trials")
        rows = [one_trial(stratum, [SEED, 1000, k]) for k in range(runs)]
        for r in numbers(rows):
            # where each unit is read once, nothing is known of wCV
            if r["n"] and r["what"] not in ("wCV, scanners", "wCV, all inserts"):
                print(f"  {r['what']}: {100 * r['cover']:.1f} % ± {100 * r['se']:.1f} of {r['n']}")
                chance = max(r["se"], math.sqrt(0.05 * 0.95 / r["n"]))
                if r["cover"] + 4 * chance < 0.93:
                    failed.append(f"{title}: {r['what']}")
    if failed:
        sys.exit(f"95 % intervals do not hold the truth: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
