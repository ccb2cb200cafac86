"""T2 from trains of echoes: spread against the Cramer-Rao bound, error bars against spread, bias.

Simulates magnitudes with Rician noise from trains written again (benchmarks/_mapping_trains.py) and
fits them with `t2_epg`. The bound is that of Gaussian noise, T2, S0 and B1 unknown, by differences
of the same trains.

Writes docs/validation/epg_precision.{md,json}; `--reduced` writes nothing.

    python benchmarks/validation/epg_precision.py
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _evidence import stamp, table, write
from _mapping_trains import SPACING_MS, one_train

SEED, TRIALS, ECHOES = 20261128, 20_000, 32
TRUTHS, FIELDS, RATIOS = (20.0, 80.0, 300.0), (0.7, 0.8, 0.9, 1.0), (50.0, 100.0, 200.0)


def bound(t2: float, b1: float, sd: float) -> float:
    """Return the Cramer-Rao bound of the SD of T2 [ms], amplitude 1000."""
    h = 1e-4
    f = one_train(t2, b1, ECHOES)
    by_t2 = (one_train(t2 * (1 + h), b1, ECHOES) - one_train(t2 * (1 - h), b1, ECHOES)) / (2 * h)
    by_b1 = (one_train(t2, b1 + h, ECHOES) - one_train(t2, b1 - h, ECHOES)) / (2 * h)
    j = 1000.0 * np.stack([by_t2 / t2, f, by_b1], axis=1)
    return sd * math.sqrt(float(np.linalg.inv(j.T @ j)[0, 0]))


def cell(t2: float, b1: float, snr: float, trials: int) -> dict[str, Any]:
    """Return the figures of one cell."""
    from qiqa.fitting import fit_arrays

    sd = 1000.0 / snr
    rng = np.random.default_rng([SEED, round(t2), round(100 * b1), round(snr)])
    clean = 1000.0 * one_train(t2, b1, ECHOES)[:, None]
    noise = rng.normal(0, sd, (2, ECHOES, trials))
    te = SPACING_MS * np.arange(1, ECHOES + 1)
    maps = fit_arrays(np.hypot(clean + noise[0], noise[1]), "t2_epg", te, noise_sd=sd)
    value, se = (a.ravel().astype(float) for a in (maps.estimate("t2"), maps.standard_error("t2")))
    good = np.isfinite(value)
    value, se = value[good], se[good]
    spread = float(value.std(ddof=1))
    return {
        "t2": t2,
        "b1": b1,
        "snr": snr,
        "answered": float(good.mean()),
        "bias_percent": 100 * float(value.mean() / t2 - 1),
        "sd_percent": 100 * spread / t2,
        "sd_over_bound": spread / bound(t2, b1, sd),
        "rms_se_over_sd": math.sqrt(float(np.mean(se**2))) / spread,
        "median_se_over_sd": float(np.median(se)) / spread,
        "within_2_se": float(np.mean(np.abs(value - t2) < 2 * se)),
    }


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true", help="fewer trials, nothing written")
    reduced = parser.parse_args().reduced
    begun, trials = time.perf_counter(), 2000 if reduced else TRIALS
    rows = [cell(t2, b1, snr, trials) for b1 in FIELDS for t2 in TRUTHS for snr in RATIOS]
    heads = ["T2 [ms]", "B1", "SNR", "answered", "bias %", "SD %", "SD/bound", "RMS SE/SD"]
    heads += ["median SE/SD", "within 2 SE"]
    lines = table(heads, [[f"{v:.4g}" for v in row.values()] for row in rows])
    print("\n".join(lines))
    if not reduced:
        mark = stamp(SEED, time.perf_counter() - begun, trials=trials)
        intro = f"{trials} trials a cell, {mark['date']}, commit {mark['commit']}, seed {SEED}."
        text = ["# T2 from trains of echoes: precision", "", intro, "", *__doc__.splitlines()[2:5]]
        write("epg_precision", [*text, "", *lines], {**mark, "rows": rows})
    # near the turning point of B1 the bound, a matter of first derivatives, says nothing
    missed = [r for r in rows if r["within_2_se"] < 0.9 or r["answered"] < 0.999]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
