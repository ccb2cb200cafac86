"""Trials with one fault, with all, with all but one: what is named, and the treatment effect.

Simulated trials of 60 sites, three vendors and five years. Named errors are held against what was
planted; the treatment effect at visit 2 is estimated with no correction, ComBat, calibration by
phantoms, and both. Simulator and estimators share no code.

Full run (an hour), writes docs/validation/trial_factorial.{md,json}:

    python benchmarks/validation/trial_factorial.py --keep kept

Reduced run for continuous integration, writes nothing and fails where an aim is clearly missed:

    python benchmarks/validation/trial_factorial.py --reduced
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from _evidence import stamp, write
from _trial_conditions import conditions
from _trial_effects import one_trial
from _trial_factorial_page import numbers_of_effects, page
from _trial_keeping import runs_of
from _trial_naming import answers, labels, moves

from qiqa.harmonize.scanners.preparing import prepare
from qiqa.simulate.trial import TrialDesign, simulate_trial

SEED = 20261128
WHOLE = 12
"""Runs of all conditions; later ones are of the main conditions, for coverage and power."""
MAIN = (
    "none",
    "all",
    "all, 480 participants at 15 sites",
    "all, arm follows vendor (80/20/50 %)",
)
WORDS: tuple[str, ...] = ()
"""What a person reads out of the tables of the last full run."""


def effects(run: int) -> list[dict[str, Any]]:
    """Return what the treatment seemed to do in each trial of a run, by correction."""
    rows = []
    chosen = [c for c in conditions() if run < WHOLE or c.title in MAIN]
    for one in chosen:
        # the same seed for all: they differ by their faults alone
        found = one_trial(one.design, one.treated_at_vendor, [SEED, 1, run])
        rows += [{"condition": one.title, **row} for row in found]
    return rows


def named(runs: int, keep: Path | None) -> dict[str, list[dict[str, Any]]]:
    """Return what is named: labels, moves and answers, in some runs each."""
    return {
        "labels": runs_of(lambda k: labels([SEED, 2, k], k < 3), max(runs // 3, 3), keep, "labels"),
        "moves": runs_of(lambda k: moves([SEED, 3, k]), max(runs // 3, 3), keep, "moves"),
        "answers": runs_of(lambda k: answers([SEED, 4, k]), max(runs // 3, 3), keep, "answers"),
    }


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--keep", type=Path, help="folder for what is done of an interrupted run")
    arguments = parser.parse_args()
    if arguments.reduced:
        reduced()
        return
    began = time.perf_counter()
    found = named(WHOLE, arguments.keep)
    rows = runs_of(effects, arguments.runs, arguments.keep, "effects")
    out = numbers_of_effects(rows)
    about = stamp(SEED, time.perf_counter() - began, runs=arguments.runs)
    write("trial_factorial", page(out, found, about, WORDS), {"about": about, **out, **found})


def reduced() -> None:
    """Fail where a planted error is not named, or a correction does what it must not."""
    design = dataclasses.replace(TrialDesign(), sites=15, years=2.0)
    trial = simulate_trial(design, np.random.default_rng([SEED, 5]))
    planted = {f"{e.scanner}, exam {e.exam}" for e in trial.truth.errors}
    flags = prepare(trial.readings[0], today=dt.date(2024, 1, 1)).flags
    told = {flag.where for flag in flags if flag.kind not in ("moved", "unit_in_two_places")}
    print(f"planted {len(planted)}, named {len(planted & told)}, falsely {len(told - planted)}")
    if len(planted & told) < 3 or told - planted:
        sys.exit("errors of labeling are not named as planted")
    small = design.only("phantom_noise", "tissue_noise", "effect", "scanner_bias")
    rows = one_trial(small, (), [SEED, 6])
    left = {r["correction"]: r["left_sd"] for r in rows}
    print({name: round(sd, 2) for name, sd in left.items()})
    if left["phantom"] > 0.7 * left["none"]:
        sys.exit("a calibration by phantoms does not take scanner biases away")


if __name__ == "__main__":
    main()
