"""Whether intervals of bias, limits, correlations and lines between two methods hold the truth.

Every row is a design simulated many times with known truth; the share of 95 % intervals that hold
it is the evidence. Where a method is known to fall short (few pairs, large errors of x, intercepts
by ranks) the row is there to show by how much.

Full run (a few minutes), writes docs/validation/method_comparison.{md,json}:

    python benchmarks/validation/method_comparison.py

Reduced run for continuous integration, writes nothing and fails where a share is clearly missed:

    python benchmarks/validation/method_comparison.py --reduced
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _evidence import stamp, table, write

from qiqa.core.errors import NotMeasurable
from qiqa.metrology.agreement import LIMIT, agreement
from qiqa.metrology.agreement_repeated import agreement_of_changing, agreement_of_constant
from qiqa.metrology.concordance import concordance
from qiqa.metrology.deming import deming, weighted_deming
from qiqa.metrology.icc import intraclass_correlation
from qiqa.metrology.passing_bablok import passing_bablok
from qiqa.metrology.york import york

SEED = 20261129
RUNS = 10_000
PREFACE = (
    "Share of intervals that hold the truth, in percent, of {} simulations a row (one standard "
    "error {:.1f}). Normal errors throughout."
)
REMARK = (
    "Limits of agreement of single pairs are exact; those of repeats err on the wide side where "
    "subjects do not differ. Concordance needs 20 pairs and more. The standard errors of York are "
    "of first order and too small where the errors of x are not small beside its spread. The "
    "interval of Passing and Bablok for the intercept follows from that of the slope alone and is "
    "too narrow."
)
UNEQUAL = (2, 8, 3, 3, 1, 5, 7, 2, 4, 2, 1, 6)

Held = dict[str, bool]
Study = Callable[[np.random.Generator], Held]


@dataclasses.dataclass(frozen=True)
class Design:
    """One thing simulated, and the least share of intervals that may hold the truth."""

    title: str
    study: Study
    least: float = 0.94
    """Set where theory or the literature promises less; 94 % elsewhere."""


def held(interval: tuple[float, float], truth: float) -> bool:
    """Return whether an interval holds the truth."""
    return interval[0] <= truth <= interval[1]


def limits(rng: np.random.Generator, n: int) -> Held:
    """Bias and limits of n pairs."""
    true, sd = rng.normal(100, 20, n), math.sqrt(8)
    found = agreement(true + 3 + rng.normal(0, 2, n), true + rng.normal(0, 2, n))
    return {
        "bias": held(found.bias.interval, 3),
        "lower": held(found.lower.interval, 3 - LIMIT * sd),
        "upper": held(found.upper.interval, 3 + LIMIT * sd),
        "trend": found.trend is not None and held(found.trend.slope.interval, 0),
    }


def changing(rng: np.random.Generator, between: float) -> Held:
    """Unequal numbers of pairs of 12 subjects."""
    subject = np.repeat(np.arange(12), UNEQUAL)
    own = rng.normal(1, between, 12)[subject] + rng.normal(0, 1, subject.size)
    true, reach = rng.normal(50, 10, subject.size), LIMIT * math.hypot(between, 1)
    found = agreement_of_changing(true + own, true, subject)
    return {
        "bias": held(found.bias.interval, 1),
        "lower": held(found.lower.interval, 1 - reach),
        "upper": held(found.upper.interval, 1 + reach),
    }


def constant(rng: np.random.Generator, subjects: int) -> Held:
    """One to four readings by each method."""
    of_x, of_y = (
        np.repeat(np.arange(subjects), rng.permutation(subjects) % 4 + 1) for _ in range(2)
    )
    true, own = rng.normal(50, 10, subjects), rng.normal(1, 1, subjects)
    x = (true + own)[of_x] + rng.normal(0, 0.7, of_x.size)
    y = true[of_y] + rng.normal(0, 0.4, of_y.size)
    found, reach = agreement_of_constant(x, of_x, y, of_y), LIMIT * math.sqrt(1.65)
    return {
        "bias": held(found.bias.interval, 1),
        "lower": held(found.lower.interval, 1 - reach),
        "upper": held(found.upper.interval, 1 + reach),
    }


def lin(rng: np.random.Generator, n: int, rho: float) -> Held:
    """Concordance of n normal pairs, means apart by 0.3 SD."""
    x = rng.normal(size=n)
    y = rho * x + math.sqrt(1 - rho**2) * rng.normal(size=n) + 0.3
    return {"coefficient": held(concordance(x, y).coefficient.interval, 2 * rho / 2.09)}


def correlation(rng: np.random.Generator, model: str, n: int, k: int, raters: float) -> Held:
    """Variances: subjects 1, noise 0.5, raters as given."""
    rows = n if model == "ICC(1)" else 1
    own = rng.normal(0, math.sqrt(raters), (rows, k))
    ratings = rng.normal(0, 1, (n, 1)) + own + rng.normal(0, math.sqrt(0.5), (n, k))
    truth = 1 / 1.5 if model == "ICC(C,1)" else 1 / (1.5 + raters)
    return {"correlation": held(intraclass_correlation(ratings, model).interval, truth)}


def line(rng: np.random.Generator, fit: str, n: int, share: float) -> Held:
    """Y = 2 + 1.1 x; errors are a share of the SD of the true x, in y 1.1 times as large."""
    true = np.linspace(10, 50, n)
    error = share * float(true.std())
    x = true + rng.normal(0, error, n)
    y = 2 + 1.1 * true + rng.normal(0, 1.1 * error, n)
    if fit == "york":
        found = york(x, y, error, 1.1 * error)
        slope, intercept = found.slope, found.intercept
    elif fit == "passing_bablok":
        ranks = passing_bablok(x, y)
        slope, intercept = ranks.slope, ranks.intercept
    else:
        pair = deming(x, y, 1 / 1.21, jackknife=fit == "jackknife")
        slope, intercept = pair.slope, pair.intercept
    return {"slope": held(slope.interval, 1.1), "intercept": held(intercept.interval, 2)}


def proportional(rng: np.random.Generator, n: int) -> Held:
    """Errors of 5 % of the value, from 5 to 100."""
    true = np.geomspace(5, 100, n)
    x = true * (1 + 0.05 * rng.normal(size=n))
    found = weighted_deming(x, (2 + 1.1 * true) * (1 + 0.05 * rng.normal(size=n)))
    return {
        "slope": held(found.slope.interval, 1.1),
        "intercept": held(found.intercept.interval, 2),
    }


def designs() -> list[Design]:
    """Return everything that is simulated."""
    out = [Design(f"limits of agreement, {n} pairs", functools.partial(limits, n=n))
           for n in (4, 8, 30, 100)]  # fmt: skip
    out += [
        Design(f"12 subjects, 1 to 8 pairs, SD between {b:g}, within 1",
               functools.partial(changing, between=b))
        for b in (0.0, 0.5, 1.0, 3.0)
    ]  # fmt: skip
    out += [Design(f"{n} subjects, readings not paired", functools.partial(constant, subjects=n))
            for n in (8, 20)]  # fmt: skip
    out += [
        Design(f"concordance, {n} pairs, correlation {rho:g}",
               functools.partial(lin, n=n, rho=rho), least)
        for n, rho, least in ((10, 0.9, 0.90), (20, 0.9, 0.92), (50, 0.9, 0.93),
                              (200, 0.9, 0.94), (50, 0.0, 0.93))
    ]  # fmt: skip
    out += [
        Design(f"{model}, {n} subjects, {k} raters of variance {raters:g}",
               functools.partial(correlation, model=model, n=n, k=k, raters=raters), least)
        for model, n, k, raters, least in (
            ("ICC(1)", 10, 3, 0.3, 0.94), ("ICC(C,1)", 10, 3, 0.3, 0.94),
            ("ICC(A,1)", 10, 3, 0.3, 0.93), ("ICC(A,1)", 30, 6, 0.3, 0.92),
            ("ICC(A,1)", 20, 3, 0.0, 0.94))
    ]  # fmt: skip
    names = {"jackknife": "Deming, jackknife", "model": "Deming, model", "york": "York",
             "passing_bablok": "Passing-Bablok"}  # fmt: skip
    out += [
        Design(f"{title}, {n} points, errors {share:g} of the SD of x",
               functools.partial(line, fit=fit, n=n, share=share), least)
        for fit, title in names.items()
        for n, share, least in ((10, 0.15, 0.93), (40, 0.15, 0.93), (40, 0.6, 0.89))
    ]  # fmt: skip
    out += [Design(f"Deming, weighted, {n} points", functools.partial(proportional, n=n), 0.92)
            for n in (10, 30)]  # fmt: skip
    return out


def run(design: Design, runs: int, seed: int) -> dict[str, object]:
    """Return the share of intervals that hold the truth, one each."""
    rng = np.random.default_rng(seed)
    counts: dict[str, int] = {}
    refused = 0
    for _ in range(runs):
        try:
            found = design.study(rng)
        except NotMeasurable:
            refused += 1
            continue
        for name, inside in found.items():
            counts[name] = counts.get(name, 0) + inside
    done = runs - refused
    shares = {name: count / done for name, count in counts.items()}
    print(design.title, {name: round(100 * s, 1) for name, s in shares.items()}, refused)
    return {"title": design.title, "shares": shares, "refused": refused, "least": design.least}


def page(rows: list[dict[str, object]], about: dict[str, object]) -> list[str]:
    """Return the lines of the page."""
    error = 100 * math.sqrt(0.95 * 0.05 / RUNS)
    body = []
    for row in rows:
        shares = row["shares"]
        assert isinstance(shares, dict)  # noqa: S101 - a study of our own
        cells = ", ".join(f"{name} {100 * share:.1f}" for name, share in shares.items())
        body.append([str(row["title"]), cells, str(row["refused"])])
    return [
        "# Agreement and lines between two methods: do 95 % intervals hold the truth?",
        "",
        ", ".join(f"{name} {value}" for name, value in about.items()),
        "",
        PREFACE.format(RUNS, error),
        "",
        *table(["design", "held, %", "refused"], body),
        "",
        REMARK,
    ]


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true", help="nothing written")
    reduced = parser.parse_args().reduced
    began = time.perf_counter()
    runs = 150 if reduced else RUNS
    rows = [run(design, runs, SEED + i) for i, design in enumerate(designs())]
    slack = 4 * math.sqrt(0.95 * 0.05 / runs)
    for row in rows:
        shares = row["shares"]
        assert isinstance(shares, dict)  # noqa: S101 - a study of our own
        if min(shares.values()) < float(str(row["least"])) - slack:
            sys.exit(f"clearly missed: {row}")
    if not reduced:
        about = stamp(SEED, time.perf_counter() - began, runs=RUNS)
        write("method_comparison", page(rows, about), {"about": about, "rows": rows})


if __name__ == "__main__":
    main()
