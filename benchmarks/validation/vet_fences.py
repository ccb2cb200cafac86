"""Fences of outliers among few scanners: false alarms, and how far off a series has to be.

Features where nothing is wrong, of several shapes, on scanners whose levels differ and whose
spreads are alike, differ, or are in proportion to the level. The rate asked for is the default one
(1 in 1000 series). Half a minute; writes docs/validation/vet_fences.{md,json}:

    python benchmarks/validation/vet_fences.py

Reduced run for continuous integration, writes nothing; either fails where more than 1 in 100 clean
series of any case are accused.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from _evidence import stamp, table, write
from numpy.typing import NDArray
from scipy import stats

from qiqa.vetting.sets.coding import grouped
from qiqa.vetting.sets.outlying import judge

FloatArray = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], FloatArray]

SEED = 7719
FEATURES = 20
RATE = 0.001
MOST = 0.01
SHAPES: dict[str, Draw] = {
    "normal": lambda rng, size: rng.normal(size=size),
    "t, 5 degrees": lambda rng, size: rng.standard_t(5, size=size),
    "lognormal, sigma 0.5": lambda rng, size: np.exp(0.5 * rng.normal(size=size)),
    "lognormal, sigma 1": lambda rng, size: np.exp(rng.normal(size=size)),
    "skewed to the left": lambda rng, size: -np.exp(0.7 * rng.normal(size=size)),
    "exponential": lambda rng, size: rng.exponential(size=size),
    "two modes": lambda rng, size: rng.normal(size=size) + 3 * (rng.random(size) < 0.3),
}
SCANNERS = ((3, 20), (3, 60), (9, 30), (30, 20), (9, 100))
SPREADS = {"alike": 0.0, "differ by 0.2": 0.2, "differ by 0.6": 0.6, "as the level": 0.2}
"""In words -> SD of the logarithm of spreads between scanners."""

ABOUT = (
    f"{FEATURES} features where nothing is wrong, chance asked for {100 * RATE:g} % of series "
    "([how](../vetting/outliers.md)). Accused is what lies beyond any fence, with the upper end of "
    "its exact 95 % interval; a fence is given in robust SDs of its scanner, median over features "
    "and sides."
)


def case(
    draw: Draw, scanners: int, series: int, spread: str, runs: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Return how many clean series are accused, and the usual fence in robust SDs of a feature."""
    accused = judged = 0
    reach = []
    codes = np.repeat(np.arange(scanners), series)
    groups, cohort = grouped([codes], codes.size), grouped([], codes.size)
    for _ in range(runs):
        sd = np.exp(SPREADS[spread] * rng.normal(size=(scanners, FEATURES)))[codes]
        level = 2 * rng.normal(size=(scanners, FEATURES))[codes]
        if spread == "as the level":
            level = np.exp(0.3 * level)
            sd = 0.1 * sd * level
        values = level + sd * draw(rng, (codes.size, FEATURES))
        single = np.ascontiguousarray(values.T.astype(np.float32))
        found = judge(single, groups, cohort, RATE, np.zeros(0))
        ratios = np.abs(found.ratios.T)
        beyond = np.nan_to_num(ratios).max(axis=1) > 1
        accused += int((beyond | (np.nan_to_num(found.together) > 1)).sum())
        judged += codes.size
        away = values - found.centers[found.groups]
        own = np.array([np.median(np.abs(away[codes == g]), axis=0) for g in range(scanners)])
        far = np.abs(away) / (1.4826 * own[codes])
        reach.append(float(np.nanmedian(far[ratios > 1e-3] / ratios[ratios > 1e-3])))
    return {"accused": accused, "judged": judged, "reach": float(np.mean(reach))}


def study(reduced: bool) -> dict[str, dict[str, Any]]:
    """Run all cases."""
    rng = np.random.default_rng(SEED)
    found = {}
    for shape, draw in SHAPES.items():
        for scanners, series in SCANNERS[:: 2 if reduced else 1]:
            for spread in SPREADS:
                runs = max(2, (1500 if reduced else 4000) // (scanners * series))
                name = f"{shape}; {scanners} x {series}; {spread}"
                found[name] = case(draw, scanners, series, spread, runs, rng)
    return found


def page(found: dict[str, dict[str, Any]], about: dict[str, Any]) -> list[str]:
    """Return the page of evidence."""
    rows = []
    for name, one in found.items():
        hit, of = one["accused"], one["judged"]
        most = 100 * float(stats.beta.ppf(0.975, hit + 1, of - hit))
        cells = [f"{hit} of {of}", f"{100 * hit / of:.2f}", f"{most:.2f}", f"{one['reach']:.1f}"]
        rows.append([*name.split("; "), *cells])
    return [
        "# Fences of outliers among few scanners",
        "",
        ", ".join(f"{key} {value}" for key, value in about.items()),
        "",
        ABOUT,
        "",
        *table(["shape", "scanners x series", "spreads", "accused", "%", "at most", "fence"], rows),
    ]


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--reduced", action="store_true")
    options = parser.parse_args()
    began = time.perf_counter()
    found = study(options.reduced)
    about = stamp(SEED, time.perf_counter() - began)
    lines = page(found, about)
    print("\n".join(lines))
    if not options.reduced:
        write("vet_fences", lines, {"about": about, **found})
    worst = max(found, key=lambda name: found[name]["accused"] / found[name]["judged"])
    one = found[worst]
    if one["accused"] > MOST * one["judged"]:
        raise SystemExit(f"{worst}: {one['accused']} of {one['judged']} clean series are accused")


if __name__ == "__main__":
    main()
