"""Precision of parameter maps against the Cramer-Rao bound of the Rician likelihood.

Simulates magnitudes with Rician noise from signal equations written here again, fits them with
the package, and compares bias, SD, reported standard error and coverage with the bound. The bound
is integrated numerically; nothing is shared with the estimator.

Full run (a few minutes), writes docs/validation/fit_precision.{md,json}:

    python benchmarks/validation/fit_precision.py

Reduced run for continuous integration, writes nothing and fails where an aim is clearly missed:

    python benchmarks/validation/fit_precision.py --reduced
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _evidence import cell, stamp, table, write
from _rician import cramer_rao_sd, draw, t_quantile_975
from _signals import DESIGNS, Design

SEED = 20261128
TRIALS = 20_000
REGULAR_SNR = (50.0, 100.0, 200.0)
LOW_SNR = (10.0, 20.0)
AIM = 0.05
"""Largest wanted |SD/bound - 1| and |RMS standard error/SD - 1|, set before the first run."""

CONDITIONS = (
    "Magnitudes with Rician noise; SNR is the amplitude (S0, M0) over the noise SD of one channel,",
    "for t1_vfa the largest signal over it. ADC: b 0, 100, 600, 800 s/mm². Inversion recovery: TI",
    "35, 75, 100, 125, 150, 250, 1000, 1500, 2000, 3000 ms, TR 4500 ms, efficiency 0.95. T2: 32",
    "echoes 10 ms apart. The bound is that of the Rician likelihood of all points with all",
    "parameters unknown and the noise SD known, integrated numerically; bias, SD and bound in % of",
    "the true value. Coverage is of estimate ± t(points used - parameters) times standard error.",
    "",
    f"Aims, set beforehand, for the regular regime: SD within {100 * AIM:.0f} % of the bound, RMS",
    f"standard error within {100 * AIM:.0f} % of the SD. `given`: the fit is told the noise SD;",
    "`estimate`: it finds it (both: magnitudes corrected for noise, points at the floor left out);",
    "`floor only`: told, not corrected; `all points`: no noise SD, neither corrected nor left out.",
)


WAYS: dict[str, dict[str, Any]] = {
    "given": {"noise_sd": "given"},
    "estimate": {"noise_sd": "estimate"},
    "floor only": {"noise_sd": "given", "rician": False},
    "all points": {"noise_sd": None},
}
"""Ways of fitting that are compared; `given` stands for the true noise SD."""
REGULAR_WAYS = ("given", "estimate")


def fitted(
    design: Design, data: np.ndarray, sd: float, way: dict[str, Any]
) -> dict[str, np.ndarray]:
    """Return estimate, standard error, degrees of freedom and status of every trial."""
    from qiqa.fitting import fit_arrays

    keywords = dict(way)
    if keywords["noise_sd"] == "given":
        keywords["noise_sd"] = sd
    maps = fit_arrays(data, design.model, design.values, tr_ms=design.tr_ms, **keywords)
    return {
        "estimate": maps.estimate(design.parameter).ravel().astype(float),
        "se": maps.standard_error(design.parameter).ravel().astype(float),
        "dof": maps.n_used.ravel().astype(np.int64) - len(maps.parameters),
        "status": maps.status.ravel(),
    }


def judge_cell(design: Design, truth: float, snr: float, found: dict[str, Any]) -> dict[str, Any]:
    """Return the row of one cell."""
    from qiqa.core.maps import FitStatus

    sd_noise = design.noise_sd(truth, snr)
    bound = cramer_rao_sd(design.signal(truth), design.jacobian(truth), sd_noise)[0]
    status = found["status"]
    good = np.isin(status, [int(s) for s in FitStatus if s.has_answer])
    value, se, dof = (found[k][good] for k in ("estimate", "se", "dof"))
    row: dict[str, Any] = {
        "model": design.model,
        "truth": truth,
        "snr": snr,
        "answered": float(good.mean()),
        "bound_percent": 100 * bound / truth,
        "without": {
            FitStatus(int(s)).words: int((status == s).sum()) for s in np.unique(status[~good])
        },
    }
    if value.size < 20:
        return row
    sd = float(value.std(ddof=1))
    known = np.isfinite(se) & (dof > 0)
    inside = np.abs(value - truth)[known] <= t_quantile_975(dof[known]) * se[known]
    low, middle, high = np.percentile(value, [15.866, 50, 84.134])
    row |= {
        "bias_percent": 100 * float(value.mean() - truth) / truth,
        "median_bias_percent": 100 * float(middle - truth) / truth,
        "sd_percent": 100 * sd / truth,
        "robust_sd_percent": 100 * float(high - low) / 2 / truth,
        "sd_over_bound": sd / bound,
        "se_over_sd": float(np.sqrt(np.mean(se[known] ** 2))) / sd if known.any() else math.nan,
        "coverage": float(inside.mean()) if known.any() else math.nan,
        "points_used": float(dof.mean() + 1 + len(design.others)),
    }
    return row


def run(design: Design, truth: float, snr: float, ways: tuple[str, ...], trials: int) -> list[Any]:
    """Simulate one cell and fit it in every way."""
    key = [SEED, DESIGNS.index(design), round(truth * 1e6), round(snr)]
    sd = design.noise_sd(truth, snr)
    data = draw(design.signal(truth), sd, trials, np.random.default_rng(key))
    return [
        {"way": name} | judge_cell(design, truth, snr, fitted(design, data, sd, WAYS[name]))
        for name in ways
    ]


def study(trials: int, *, reduced: bool) -> dict[str, list[dict[str, Any]]]:
    """Return the rows by regime: `regular`, `information`, `outside`."""
    rows: dict[str, list[dict[str, Any]]] = {"regular": [], "information": [], "outside": []}
    for design in DESIGNS:
        if reduced and not design.judged:
            continue  # each model takes seconds to compile
        for truth in design.truths:
            for snr in REGULAR_SNR:
                regime = "regular" if design.judged else "information"
                rows[regime] += run(design, truth, snr, REGULAR_WAYS, trials)
        if reduced or not design.judged:
            continue
        cells = [(t, s) for t in design.outside for s in (*LOW_SNR, *REGULAR_SNR)]
        cells += [(t, s) for t in design.truths for s in LOW_SNR]
        for truth, snr in cells:
            rows["outside"] += run(design, truth, snr, tuple(WAYS), trials)
    return rows


def misses(rows: list[dict[str, Any]], trials: int) -> list[dict[str, Any]]:
    """Return the rows that miss an aim by more than chance (three standard errors) explains."""
    slack = AIM + 3 / math.sqrt(2 * trials)
    return [
        row
        for row in rows
        if abs(row.get("sd_over_bound", math.inf) - 1) > slack
        or abs(row.get("se_over_sd", math.inf) - 1) > slack
    ]


def lines_of(rows: list[dict[str, Any]], design: Design) -> list[str]:
    """Return the table of one model."""
    heads = [f"{design.parameter} [{'µm²/ms' if 'mm' in design.unit else design.unit}]", "SNR"]
    heads += ["noise SD", "answered", "bias", "SD", "bound", "SD/bound", "SE/SD", "coverage"]
    heads += ["points", "median bias", "robust SD", "no answer because"]
    body = []
    for r in rows:
        shown = r["truth"] * (1e3 if "mm" in design.unit else 1)
        reasons = ", ".join(f"{words} {count}" for words, count in r["without"].items())
        body.append(
            [
                f"{shown:g}",
                f"{r['snr']:g}",
                r["way"],
                f"{100 * r['answered']:.2f} %",
                cell(r.get("bias_percent"), "+.2f"),
                cell(r.get("sd_percent"), ".3f"),
                cell(r.get("bound_percent"), ".3f"),
                cell(r.get("sd_over_bound"), ".3f"),
                cell(r.get("se_over_sd"), ".3f"),
                cell(100 * r.get("coverage", math.nan), ".1f"),
                cell(r.get("points_used"), ".1f"),
                cell(r.get("median_bias_percent"), "+.2f"),
                cell(r.get("robust_sd_percent"), ".3f"),
                reasons,
            ]
        )
    return table(heads, body)


def summary(rows: list[dict[str, Any]], trials: int) -> list[str]:
    """Return one line a model: extremes of the ratios in the regular regime."""
    out = []
    for design in DESIGNS:
        here = [r for r in rows if r["model"] == design.model]
        for way in REGULAR_WAYS:
            some = [r for r in here if r["way"] == way and "sd_over_bound" in r]
            if not some:
                continue
            columns = [[r[k] for r in some] for k in ("sd_over_bound", "se_over_sd", "coverage")]
            extremes = [f"{min(c):.3f} to {max(c):.3f}" for c in columns]
            bias = max((r["bias_percent"] for r in some), key=abs)
            missed = len(misses(some, trials)) if design.judged else None
            out.append(
                [
                    design.model,
                    way,
                    str(len(some)),
                    *extremes,
                    f"{bias:+.2f} %",
                    f"{100 * min(r['answered'] for r in some):.2f} %",
                    "no aim set" if missed is None else str(missed),
                ]
            )
    heads = ["model", "noise SD", "cells", "SD/bound", "SE/SD", "coverage", "largest bias"]
    return table([*heads, "least answered", "cells that miss an aim"], out)


def report(rows: dict[str, list[dict[str, Any]]], trials: int, seconds: float) -> None:
    """Write dated evidence."""
    mark = stamp(SEED, seconds, trials=trials)
    missed = misses(rows["regular"], trials)
    lines = [
        "# Parameter maps: precision against the Cramer-Rao bound",
        "",
        f"{trials} trials a cell, {mark['date']}, commit {mark['commit']}, seed {SEED}.",
        "Made by benchmarks/validation/fit_precision.py.",
        "",
        *CONDITIONS,
        "",
        "## Summary of the regular regime",
        "",
        *summary(rows["regular"] + rows["information"], trials),
        "",
        f"{len(missed)} of {len(rows['regular'])} cells miss an aim by more than chance explains.",
    ]
    titles = {
        "regular": "Regular regime",
        "information": "Other models, for information",
        "outside": "Outside the regular regime: no claim",
    }
    for regime, title in titles.items():
        for design in DESIGNS:
            here = [r for r in rows[regime] if r["model"] == design.model]
            if here:
                lines += ["", f"## {title}: {design.model}", "", *lines_of(here, design)]
    write("fit_precision", lines, {**mark, "aim": AIM, **rows})


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--reduced", action="store_true", help="fewer trials, nothing written")
    options = parser.parse_args()
    trials = 4000 if options.reduced else options.trials
    started = time.perf_counter()
    rows = study(trials, reduced=options.reduced)
    seconds = time.perf_counter() - started
    print("\n".join(summary(rows["regular"] + rows["information"], trials)))
    missed = misses(rows["regular"], trials)
    for row in missed:
        print(
            f"MISSED {row['model']} {row['truth']:g} SNR {row['snr']:g} {row['way']}: SD/bound "
            f"{row.get('sd_over_bound', math.nan):.3f}, SE/SD {row.get('se_over_sd', math.nan):.3f}"
        )
    print(f"{len(rows['regular'])} judged cells, {len(missed)} missed, {seconds:.0f} s")
    if options.reduced:
        return 1 if missed else 0
    report(rows, trials, seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
