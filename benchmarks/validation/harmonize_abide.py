"""Image quality of 17 sites: what is left of the site after each way to take it out, and the price.

1101 T1-weighted scans of ABIDE, MRIQC's measures (mriqc-learn, Apache-2.0). The rules were written
down before the table was opened, in docs/decisions/did-it-work.md.

    QIQA_REAL_DATA=... python benchmarks/validation/harmonize_abide.py [--reduced] [--page FILE]

writes docs/validation/harmonize_abide.{md,json}; fails where the raw site AUC or epsilon squared is
not what others found in the same table. --reduced: two ways, few trees drawn, nothing written.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np
from _evidence import stamp, table, write
from _harmonizers import METHODS, Refit

from qiqa.core.diagnosis import HarmonizationDiagnosis, Predictability, diagnosis_payload
from qiqa.core.errors import QiqaError
from qiqa.core.features import FeatureTable
from qiqa.harmonize.diagnosis.diagnosing import diagnose
from qiqa.harmonize.diagnosis.injecting import halved, injected_effect, placebo, scatter_within
from qiqa.metrology.batch_effects import batch_tests, rank_kept
from qiqa.metrology.learners import MODELS
from qiqa.metrology.predictability import predictability

SEED = 20261128
THIRTEEN = (
    "cjv", "cnr", "efc", "fber", "fwhm_avg", "inu_med", "inu_range", "qi_1", "qi_2", "snr_total",
    "snrd_total", "tpm_overlap_gm", "wm2max",
)  # fmt: skip
"""One of each kind of measure, none that tells the matrix or the voxel."""
PUBLISHED_EPSILON = {
    "snrd_total": 0.855, "fwhm_avg": 0.820, "fber": 0.788, "wm2max": 0.772, "qi_1": 0.289,
}  # fmt: skip
"""Kruskal-Wallis by site, found in this table by an analysis of its own, beforehand."""
PUBLISHED_AUC = 0.9992
"""Logistic regression on all 68 measures, macro one-versus-rest, five folds; the same source."""

_BEST = "quantiles, whole covariance, quantiles"
OTHERS: tuple[tuple[str, Callable[[tuple[str, ...]], tuple[str, ...]], tuple[str, ...]], ...] = (
    (
        "12 measures: without qi_1, which is 0 in 88 % of the scans",
        lambda _: tuple(name for name in THIRTEEN if name != "qi_1"),
        ("means and SDs", "quantiles", _BEST, "ComBat", "CovBat"),
    ),
    ("All 68 measures", lambda names: names, ("nothing", "means and SDs", _BEST)),
    (
        "62 measures: without matrix and voxel size",
        lambda names: tuple(n for n in names if not n.startswith(("size_", "spacing_"))),
        ("means and SDs", _BEST),
    ),
)
"""Title, which measures of all, which ways."""


def read(folder: Path, features: tuple[str, ...] = ()) -> FeatureTable:
    """Return the table, of some measures or of all."""
    with (folder / "tables" / "abide_mriqc_iqms" / "abide.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    other = {"subject_id", "site", "rater_1", "rater_2", "rater_3"}
    names = features or tuple(name for name in rows[0] if name not in other)
    subject = np.array([row["subject_id"] for row in rows])
    return FeatureTable(
        features=names,
        values=np.array([[float(row[name] or "nan") for name in names] for row in rows]),
        batch=np.array([row["site"] for row in rows]),
        row=subject,
        subject=subject,
        batch_name="site",
    )


def told(found: tuple[Predictability, ...]) -> list[str]:
    """Return AUC and interval of each model."""
    return [f"{p.auc:.3f} ({p.interval[0]:.3f} to {p.interval[1]:.3f})" for p in found]


def detectable(before: FeatureTable, refit: Refit, seed: int) -> float:
    """Return the AUC by which a linear model tells the half that an effect was added to."""
    rng = np.random.default_rng(seed)
    half = halved(before, rng)
    size = 0.5 * scatter_within(before) * rng.choice((-1.0, 1.0), len(before.features))
    values = before.values + np.where(half[:, None], size, 0.0)
    moved = FeatureTable(
        features=before.features, values=values, batch=before.batch, row=before.row,
        subject=before.subject,
    )  # fmt: skip
    made = refit(moved, moved)
    side = np.where(half, "added", "not")
    return predictability(made.values, side, before.subject, models=("linear",), rng=rng)[0].auc


def look(before: FeatureTable, name: str, refit: Refit) -> dict[str, Any]:
    """Return what one way leaves of the site, and what it costs."""
    after = refit(before, before)

    def folds(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a = before.take(train)
        return refit(a, a).values, refit(a, before.take(test)).values

    arguments = (before.batch, before.subject)
    honest = predictability(
        before.values, *arguments, models=MODELS, rng=np.random.default_rng(SEED), refit=folds
    )
    naive = predictability(after.values, *arguments, models=MODELS, rng=np.random.default_rng(SEED))
    rng = np.random.default_rng(SEED + 1)
    effect = injected_effect(before, lambda t: refit(t, t), rng, draws=5)
    control = placebo(before, after, lambda t: refit(t, t), rng, draws=3)
    tests = batch_tests(after)
    ranks = [middle for _, middle, _ in rank_kept(before, after) if np.isfinite(middle)]
    worst = sorted(honest[2].batches, key=lambda b: -b.auc)[:3]
    print(name, *told(honest), f"{effect.share_of_scatter:.2f}", flush=True)
    return {
        "way": name,
        "auc": {p.model: [p.auc, *p.interval] for p in honest},
        "auc_all_rows": {p.model: [p.auc, *p.interval] for p in naive},
        "share": [effect.share, *effect.share_interval],
        "share_of_scatter": [
            effect.share_of_scatter, *effect.share_of_scatter_interval
        ],
        "lowest_feature": list(effect.features[0]),
        "detectable": detectable(before, refit, SEED + 2),
        "placebo": control.correction_sd,
        "placebo_by_chance": control.by_chance_sd,
        "kruskal_q_below_5_percent": float(np.mean([t.kruskal_q < 0.05 for t in tests])),
        "rank_kept_median": float(np.median(ranks)),
        "best_told_by_trees": [[b.batch, b.auc] for b in worst],
    }  # fmt: skip


def looked(before: FeatureTable, ways: dict[str, Refit]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what each way leaves and costs, and in words those that refuse the table."""
    found, refused = [], []
    for name, refit in ways.items():
        try:
            found.append(look(before, name, refit))
        except QiqaError as error:
            refused.append(f"{name} refuses {len(before.features)} measures: {error.message}.")
            print(refused[-1], flush=True)
    return found, refused


def lines_of(found: list[dict[str, Any]]) -> list[str]:
    """Return two tables: what is left of the site, and the price."""

    def auc(values: list[float]) -> str:
        return f"{values[0]:.3f} ({values[1]:.3f} to {values[2]:.3f})"

    left = [
        [f["way"], *(auc(f["auc"][m]) for m in MODELS),
         *(f"{f['auc_all_rows'][m][0]:.3f}" for m in MODELS)]
        for f in found
    ]  # fmt: skip
    price = [
        [f["way"], f"{100 * f['share'][0]:.0f} %", f"{100 * f['share_of_scatter'][0]:.0f} %",
         f"{f['lowest_feature'][0]} {100 * f['lowest_feature'][1]:.0f} %",
         f"{f['detectable']:.3f}", f"{f['rank_kept_median']:.3f}",
         f"{f['placebo']:.2f} ({f['placebo_by_chance']:.2f})",
         f"{100 * f['kruskal_q_below_5_percent']:.0f} %"]
        for f in found
    ]  # fmt: skip
    heads = ("way", *MODELS, *(f"{m}, all rows" for m in MODELS))
    costs = (
        "way", "effect: share", "over scatter", "worst feature", "AUC of the half that got it",
        "rank kept", "placebo (chance)", "Kruskal-Wallis q < 0.05",
    )  # fmt: skip
    return [
        "Site AUC on held-out subjects (95 %), fitted on training folds; then fitted on all rows.",
        "", *table(heads, left), "", "Price.", "", *table(costs, price), "",
    ]  # fmt: skip


def golden(folder: Path) -> list[str]:
    """Compare with what others found in the raw table; end with an error where it differs."""
    everything = read(folder)
    rng = np.random.default_rng(SEED)
    raw = predictability(
        everything.values, everything.batch, everything.subject, models=("linear",), rng=rng
    )[0]
    if abs(raw.auc - PUBLISHED_AUC) > 0.0015:
        sys.exit(f"linear AUC of all measures is {raw.auc:.4f}, others found {PUBLISHED_AUC}")
    tests = {t.feature: t.epsilon_squared for t in batch_tests(everything)}
    for name, value in PUBLISHED_EPSILON.items():
        if abs(tests[name] - value) > 0.00051:
            sys.exit(f"epsilon squared of {name} is {tests[name]:.4f}, others found {value}")
    rows = [["linear AUC, 68 measures", f"{PUBLISHED_AUC}", f"{raw.auc:.4f}"]]
    rows += [
        [f"epsilon², {n}", f"{v:.3f}", f"{tests[n]:.3f}"] for n, v in PUBLISHED_EPSILON.items()
    ]
    return [*table(("raw table", "others", "here"), rows), ""]


def judged(before: FeatureTable, name: str, permutations: int) -> HarmonizationDiagnosis:
    """Return the whole diagnosis of one way."""
    refit = METHODS[name]
    return diagnose(
        before, refit(before, before), rng=np.random.default_rng(SEED), refit=refit,
        permutations=permutations, method=name,
    )  # fmt: skip


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--page", type=Path, help="write the page of `means and SDs` here")
    arguments = parser.parse_args()
    data = os.environ.get("QIQA_REAL_DATA")
    if not data or not (Path(data) / "tables" / "abide_mriqc_iqms").is_dir():
        print("QIQA_REAL_DATA is not set or lacks tables/abide_mriqc_iqms: nothing to do")
        return
    began = time.perf_counter()
    same = golden(Path(data))
    print("the raw table is what others found")
    before = read(Path(data), THIRTEEN)
    ways = dict(list(METHODS.items())[:3:2]) if arguments.reduced else METHODS
    found, refused = looked(before, ways)
    if arguments.reduced:
        return
    others = {}
    for title, names, chosen in OTHERS:
        part = read(Path(data), names(read(Path(data)).features))
        some = {name: METHODS[name] for name in chosen if name in METHODS}
        others[title], more = looked(part, some)
        refused += more
    whole = judged(before, "means and SDs", 59)
    if arguments.page is not None:
        from qiqa.report.harmonization_page import write_harmonization

        write_harmonization(whole, arguments.page)
    about = stamp(SEED, time.perf_counter() - began)
    lines = [
        "# Image quality of 17 sites: what is left of the site",
        "", ", ".join(f"{key} {value}" for key, value in about.items()), "",
        "1101 scans, 13 measures of MRIQC (mriqc-learn, Apache-2.0): " + ", ".join(THIRTEEN) + ".",
        "Models and rules: [did it work](../decisions/did-it-work.md).", "",
        *same, "## Ways to take it out", "", *lines_of(found),
        *(f"{words}\n" for words in refused),
        *(line for title, ones in others.items() for line in (f"## {title}", "", *lines_of(ones))),
        "## Means and SDs, judged", "", whole.headline + ".", "",
        *(f"- {words}" for words in (*whole.reasons, *whole.over_corrected, *whole.warnings)),
    ]  # fmt: skip
    payload = {"about": about, "ways": found, "others": others, "judged": diagnosis_payload(whole)}
    write("harmonize_abide", lines, payload)


if __name__ == "__main__":
    main()
