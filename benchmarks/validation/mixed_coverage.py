"""Mixed models with few levels: how often 95 % intervals hold the truth, tests of size 5 % reject.

Three layouts of readings, each with a factor whose SD is 0, 0.3, 1 and 3 times that of a reading:

- `sites`: a mean over five sites with one to six readings;
- `many sites`: a mean over fifteen sites with three readings;
- `scanners`: five scanners (fixed) that exchanged three phantom units unevenly, two visits each,
  three readings a visit with known variances; the factor is the visit, units have SD 0.5.

Writes docs/validation/mixed_coverage.{md,json}; `--reduced` writes nothing.

    python benchmarks/validation/mixed_coverage.py --reduced
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _evidence import cell, stamp, table, write

from qiqa.metrology.components import profile_interval, satterthwaite_interval
from qiqa.metrology.contrasts import estimate, f_test
from qiqa.metrology.factors import RandomFactor
from qiqa.metrology.mixed import MixedFit, fit_mixed

SEED, TRIALS, QUICK = 20261128, 300, 30
SDS = (0.0, 0.3, 1.0, 3.0)
NORMAL = 1.959963984540054


@dataclasses.dataclass(frozen=True)
class Truth:
    """One simulated set of readings and what is true of it."""

    fit: MixedFit
    factor: str
    variances: dict[str, float]
    fixed: dict[str, float]
    """Contrast; its true value is 0."""
    level: str
    effect: float
    """Of that level of the factor."""
    tested: list[dict[str, float]]
    """Contrasts that are all 0."""


def sites(rng: np.random.Generator, sd: float, sizes: list[int]) -> Truth:
    """Return readings of a mean over sites."""
    site = np.repeat(np.arange(len(sizes)), sizes)
    u = sd * rng.normal(size=len(sizes))
    y = u[site] + rng.normal(size=site.size)
    fit = fit_mixed(y, np.ones((y.size, 1)), ["mean"], [RandomFactor(name="site", labels=site)])
    mean = {"mean": 1.0}
    return Truth(fit, "site", {"site": sd**2, "residual": 1.0}, mean, "2", u[2], [mean])


def scanners(rng: np.random.Generator, sd: float) -> Truth:
    """Return readings of five scanners that exchanged three units."""
    pairs = [(0, 0), (0, 1), (1, 0), (2, 1), (2, 2), (3, 2), (4, 0), (4, 1), (4, 2)]
    scanner, unit = np.repeat(np.array(pairs), 6, axis=0).T
    visit = np.repeat(np.arange(2 * len(pairs)), 3)
    known = rng.uniform(0.1, 0.4, scanner.size)
    u, v = 0.5 * rng.normal(size=3), sd * rng.normal(size=visit.max() + 1)
    y = u[unit] + v[visit] + rng.normal(size=scanner.size) * np.sqrt(0.75 + known)
    names = [f"scanner {k}" for k in range(5)]
    random = [RandomFactor(name="unit", labels=unit), RandomFactor(name="visit", labels=visit)]
    fit = fit_mixed(y, np.eye(5)[scanner], names, random, known_variance=known)
    truths = {"unit": 0.25, "visit": sd**2, "residual": 0.75}
    tested = [{names[k]: 1.0, names[4]: -1.0} for k in range(4)]
    return Truth(fit, "visit", truths, tested[1], "3", v[3], tested)


LAYOUTS: dict[str, Callable[[np.random.Generator, float], Truth]] = {
    "sites": lambda rng, sd: sites(rng, sd, [1, 2, 3, 4, 6]),
    "many sites": lambda rng, sd: sites(rng, sd, [3] * 15),
    "scanners": scanners,
}


def within(interval: tuple[float, float], truth: float) -> float:
    """Return whether an interval holds the truth; one that does not exist does not."""
    return float(interval[0] <= truth <= interval[1])


def one(truth: Truth) -> dict[str, float]:
    """Return what is right about one fit."""
    fit = truth.fit
    fixed = estimate(fit, truth.fixed)
    level = estimate(fit, {}, {(truth.factor, truth.level): 1.0})
    test = f_test(fit, truth.tested)
    out = {
        "fixed": within(fixed.interval, 0.0),
        "fixed, naive normal": float(abs(fixed.value) <= NORMAL * fixed.naive_uncertainty),
        "effect answered": float(not level.reason),
        "effect": math.nan if level.reason else within(level.interval, truth.effect),
        "effect, naive normal": math.nan
        if level.reason
        else float(abs(level.value - truth.effect) <= NORMAL * level.naive_uncertainty),
        "F rejects": math.nan if test.reason else float(test.p_value < 0.05),
    }
    for name, variance in truth.variances.items():
        role = name if name in {"residual", "unit"} else "factor"
        out[f"{role}, profile"] = within(profile_interval(fit, name), variance)
        out[f"{role}, chi square"] = within(satterthwaite_interval(fit, name), variance)
    return out


def condition(layout: str, sd: float, trials: int) -> dict[str, Any]:
    """Return the shares of one layout and SD."""
    rng = np.random.default_rng([SEED, list(LAYOUTS).index(layout), round(10 * sd)])
    rows = [one(LAYOUTS[layout](rng, sd)) for _ in range(trials)]
    shares = {key: float(np.nanmean([row[key] for row in rows])) for key in rows[0]}
    return {"layout": layout, "sd": sd, **shares}


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true", help=f"{QUICK} trials a condition")
    asked = parser.parse_args()
    begun, trials = time.perf_counter(), QUICK if asked.reduced else TRIALS
    rows = [condition(layout, sd, trials) for layout in LAYOUTS for sd in SDS]
    heads = list(dict.fromkeys(key for row in rows for key in row))
    body = [
        [str(r.get(h, "")) if h in heads[:2] else cell(r.get(h), ".3f") for h in heads]
        for r in rows
    ]
    lines = table(heads, body)
    print("\n".join(lines))
    if not asked.reduced:
        mark = stamp(SEED, time.perf_counter() - begun, trials=trials)
        intro = f"{trials} trials a row, {mark['date']}, commit {mark['commit']}, seed {SEED}. "
        intro += f"Standard error of 0.95: {math.sqrt(0.95 * 0.05 / trials):.4f}."
        about = __doc__.splitlines()[2:9]
        text = ["# Mixed models with few levels: coverage", "", intro, "", *about, *lines]
        write("mixed_coverage", text, {**mark, "rows": rows})
    # no interval that is reported may miss far more often than it says
    slack = 4 * math.sqrt(0.95 * 0.05 / trials)
    kept = ("fixed", "effect", "factor, profile", "unit, profile", "residual, profile")
    return int(any(row[key] < 0.93 - slack for row in rows for key in kept if key in row))


if __name__ == "__main__":
    sys.exit(main())
