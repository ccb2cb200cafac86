"""Telling scanners apart beside scikit-learn: seconds and AUC of one table, and of a whole answer.

    QIQA_REAL_DATA=... python benchmarks/diagnose.py [--reduced]

On one thread, in one run: each model trained and asked in five folds of a table whose scanners do
not differ, as a permuted table is; the best of three. Then `diagnose` as it comes, with all
processors. On a machine that others use too, the processor's own seconds tell more than those of
the clock. Without QIQA_REAL_DATA only made-up tables are looked at. Reduced: small tables; the
numbers mean nothing then.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

sys.path.insert(0, str(Path(__file__).resolve().parent / "validation"))

import numpy as np
import sklearn
from harmonize_abide import read
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from qiqa.core.features import FeatureTable
from qiqa.harmonize.combat import apply, fit
from qiqa.harmonize.diagnosis.diagnosing import diagnose
from qiqa.metrology.auc import macro_auc
from qiqa.metrology.held_out import Dealt, Task, deal, held_out
from qiqa.metrology.learners import MODELS
from qiqa.metrology.predictability import predictability

TIMES = 3


def made_up(rows: int, features: int, scanners: int, seed: int, shift: float = 1.0) -> FeatureTable:
    """Return a table of scanners that differ in levels and scatter, of subjects who came twice."""
    rng = np.random.default_rng(seed)
    scanner = np.arange(rows) % scanners
    values = rng.normal(size=(rows, features))
    values += 0.3 * values @ rng.normal(size=(features, features)) / np.sqrt(features)
    values *= np.exp(0.2 * shift * rng.normal(size=(scanners, features)))[scanner]
    values += shift * rng.normal(size=(scanners, features))[scanner]
    subject = np.arange(rows) // (2 * scanners) * scanners + scanner
    return FeatureTable(
        features=tuple(f"f{j}" for j in range(features)),
        values=values,
        batch=np.array([f"scanner {k:02d}" for k in scanner]),
        row=np.arange(rows).astype(str),
        subject=np.array([f"p{who}" for who in subject]),
        batch_name="scanner",
    )


def measures(folder: Path) -> FeatureTable:
    """Return the 17 sites with all measures that ComBat takes: without two that stand still."""
    table = read(folder)
    still = ("size_", "spacing_", "qi_1", "summary_bg_p05")
    return read(folder, tuple(name for name in table.features if not name.startswith(still)))


def by_scikit_learn(model: str, dealt: Dealt) -> np.ndarray:
    """Return the scores of the same model; it has no quadratic one like ours."""
    found = np.zeros((dealt.labels.size, dealt.count))
    for one in dealt.splits:
        scaler = StandardScaler().fit(one.train_values)
        if model == "linear":
            learner = LogisticRegression(C=1.0, max_iter=1000, tol=1e-4)
        else:
            learner = ExtraTreesClassifier(100, min_samples_leaf=3, random_state=2)
        learner.fit(scaler.transform(one.train_values), dealt.labels[one.train])
        found[one.test] = learner.predict_proba(scaler.transform(one.test_values))
    return found


def by_us(model: str, dealt: Dealt) -> np.ndarray:
    """Return our scores, on one thread."""
    with ThreadPoolExecutor(1) as pool:
        return held_out(model, dealt, pool, np.random.default_rng(2))


def best(work: Callable[[], np.ndarray], times: int) -> tuple[float, np.ndarray]:
    """Return processor seconds, and what was made last."""
    found, seconds = np.zeros(0), []
    for _ in range(times):
        started = time.process_time()
        found = work()
        seconds.append(time.process_time() - started)
    return min(seconds), found


def beside(title: str, table: FeatureTable, times: int) -> None:
    """Print what one table without differences takes, and one with, and the AUC of each."""
    rng = np.random.default_rng(1)
    names, told = np.unique(table.batch, return_inverse=True)
    groups = np.unique(table.subject, return_inverse=True)[1]
    nobody = np.array([], dtype=np.intp)
    task = Task(np.arange(len(table)), names, told, groups, nobody, ())
    for labels, what in ((rng.permutation(told), "permuted"), (told, "as it is")):
        dealt = deal(table.values, task, labels, 5, None, rng)

        def line(run: Callable[[str, Dealt], np.ndarray], model: str, one: Dealt = dealt) -> str:
            seconds, found = best(lambda: run(model, one), times)
            auc = macro_auc(found, one.labels, one.fold, groups).value
            return f"{seconds:.3f} s, AUC {auc:.4f}"

        for model in MODELS:
            by_us(model, dealt)  # compiled
            words = f"{title}  {what}, {model}: {line(by_us, model)}"
            if model != "quadratic":
                words += f"; scikit-learn {sklearn.__version__} {line(by_scikit_learn, model)}"
            print(words, flush=True)


def whole(title: str, table: FeatureTable, permutations: int) -> None:
    """Print what the whole answer takes, harmonized by ComBat."""

    def refit(train: FeatureTable, test: FeatureTable) -> FeatureTable:
        return apply(fit(train), test)[0]

    after = refit(table, table)
    started, busy = time.perf_counter(), time.process_time()
    found = diagnose(
        table, after, rng=np.random.default_rng(1), refit=refit, permutations=permutations
    )
    told = ", ".join(
        f"{old.model} {old.auc:.3f} to {new.auc:.3f} (p {new.p:.2f} of {new.permutations})"
        for old, new in zip(found.before, found.after, strict=True)
    )
    print(
        f"{title}  diagnose: {time.perf_counter() - started:.1f} s (processor"
        f" {time.process_time() - busy:.1f} s); {told}",
        flush=True,
    )


def training_set(rows: int, permutations: int) -> None:
    """Print what a large set takes, model by model, with p and leaks."""
    table = made_up(rows, 30, 40, 3, shift=0.1)
    for model in MODELS:
        started, busy = time.perf_counter(), time.process_time()
        (one,) = predictability(
            table.values, table.batch, table.subject, models=(model,),
            rng=np.random.default_rng(1), permutations=permutations, leaks=True,
        )  # fmt: skip
        print(
            f"{rows} x 30, 40 scanners  {model}: {time.perf_counter() - started:.1f} s (processor"
            f" {time.process_time() - busy:.1f} s); AUC {one.auc:.3f} of {one.rows} rows,"
            f" p {one.p:.2f} of {one.rows_again} rows",
            flush=True,
        )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    reduced = parser.parse_args().reduced
    tables = {"300 x 50, 11 scanners": made_up(300, 50, 11, 1)}
    if reduced:
        tables = {"60 x 5, 3 scanners": made_up(60, 5, 3, 1)}
    elif "QIQA_REAL_DATA" in os.environ:
        table = measures(Path(os.environ["QIQA_REAL_DATA"]))
        tables[f"{len(table)} x {len(table.features)}, 17 sites"] = table
    for title, table in tables.items():
        beside(title, table, 1 if reduced else TIMES)
        whole(title, table, 59 if reduced else 99)
    training_set(4_000 if reduced else 100_000, 5 if reduced else 99)


if __name__ == "__main__":
    main()
