"""How long the checks of all series together take: python benchmarks/vet_sets.py [ROWS] [FEATURES].

A made set: 200 scanners at 50 sites, three series a patient, ten splits. Wall-clock time and time
of the processor of one run each, after a small one that compiles the loops.
"""

from __future__ import annotations

import os
import resource
import sys
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from qiqa.core.vet_table import VetTable
from qiqa.core.words import Texts, Words
from qiqa.vetting.checks import confounding, leakage, outliers, protocol, representativeness

CHECKS = (protocol, outliers, confounding, leakage, representativeness)


def made(n: int, features: int) -> VetTable:
    """Return a set of n series."""
    rng = np.random.default_rng(0)
    site = rng.integers(0, 50, n)
    scanner = site * 4 + rng.integers(0, 4, n)
    patient = rng.integers(0, n // 3 + 1, n)
    names = Texts(f"1.2.840.{i:09d}" for i in range(n))
    return VetTable(
        path=names,
        series_uid=names,
        texts={
            "patient": _words(patient, "{:016x}"),
            "study": _words(patient, "1.2.3.{}"),
            "site": _words(site, "site {}"),
            "scanner": _words(scanner, "scanner {}"),
            "manufacturer": _words(site % 3, "maker {}"),
            "protocol": _words(rng.integers(0, 6, n), "protocol {}"),
            "software": _words(site % 5, "version {}"),
            "label": _words(patient * 7 % 2, "label {}"),
            "split": _words(patient * 13 % 10, "{}"),
            "sex": _words(patient % 2, "{}"),
        },
        numbers={
            "age": (patient % 80).astype(np.float64),
            "tr_ms": np.where(rng.random(n) < 0.01, 3000.0, 2000.0),
            "te_ms": np.full(n, 30.0),
        },
        date=np.full(n, "NaT", dtype="datetime64[D]"),
        features=tuple(f"feature {j}" for j in range(features)),
        values=rng.normal(size=(n, features)).astype(np.float32),
        population={"sex": {"0": 0.5, "1": 0.5}, "age": {"0-39": 0.5, "40+": 0.5}},
    )


def _words(numbers: np.ndarray, pattern: str) -> Words:
    return Words.of(pattern.format(i) for i in numbers.tolist())


def main() -> None:
    """Time each check."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    features = int(sys.argv[2]) if len(sys.argv) > 2 else 30
    for rows in (2000, n):
        observed = made(rows, features)
        for check in CHECKS:
            settings = {one.name: one.default for one in check.CHECK.settings}
            wall, cpu = time.perf_counter(), time.process_time()
            answer = check.look(observed, settings)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            if rows == n:
                print(f"{check.CHECK.name}: {wall:.1f} s, {cpu:.1f} s of the processor, "
                      f"{len(answer.observations)} observations")  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{n} rows, {features} features, at most {peak:.0f} MiB; {os.cpu_count()} processors")


if __name__ == "__main__":
    main()
