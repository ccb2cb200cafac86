"""Every fault at several shares and severities: what the default policy finds, and whom it accuses.

Made-up sets of nine sites (`qiqa simulate training-set`) of three makers. Each fault is in 0.1, 1
and 5 % of the series, at three severities in turn, a fifth of the spoiled series with a second one.
Then sets without any fault, from the same makers and from three that no rule was looked at with.

A series with a fault is found where the policy does anything but keep it for one of the reasons
that fit; a reason is right where a series has a fault that it fits (a copied series and its copy
both count). The policy is the default one. Simulator and checks share no code.

Full run (twenty minutes), writes docs/validation/vet_faults.{md,json}:

    python benchmarks/validation/vet_faults.py

Reduced run for continuous integration, writes nothing and fails where an aim is clearly missed:

    python benchmarks/validation/vet_faults.py --reduced
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import csv
import dataclasses
import io
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _evidence import cell, stamp, table, write

from qiqa.cli.app import run
from qiqa.core.training_set import TrainingSetPlan
from qiqa.core.vetting import Action
from qiqa.simulate.set_faults import FAULTS
from qiqa.simulate.training_set import MAKERS, TrainingSetSpec
from qiqa.workflows.executing import processors
from qiqa.workflows.simulated_training_set import make_training_set

SHARES = (0.001, 0.01, 0.05)
SEED = 20261128
SEVERITIES = (0.0, 0.5, 1.0)
AIM_FALSE = 0.01
ACTIONS = [action.value for action in Action]
FITS = {fault.kind: set(fault.codes) for fault in FAULTS}


@dataclasses.dataclass(frozen=True, slots=True)
class Vetted:
    """One set and what was decided."""

    plan: TrainingSetPlan
    decisions: dict[str, tuple[str, tuple[str, ...]]]
    """Series UID -> decision, reasons."""


def vet(spec: TrainingSetSpec, folder: Path) -> Vetted:
    """Make a set and run the command on it."""
    plan = make_training_set(spec, folder / "set", processes=processors())
    words = ["vet", str(folder / "set" / "dicom"), "-o", str(folder / "out")]
    with contextlib.redirect_stdout(io.StringIO()):
        status = run(words)
    if status not in (0, 3, 4):
        raise SystemExit(f"qiqa {' '.join(words)} ended with {status}")
    with (folder / "out" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    by_uid: dict[str, tuple[str, tuple[str, ...]]] = {}
    for row in rows:
        uid, reasons = row["series_uid"], tuple(row["reasons"].split(";"))
        if uid.startswith("file:"):
            # a file that cannot be read is one of the series in whose folder it is
            uid = plan.series[int(row["path"].rsplit("/", 2)[1].split("_")[0])].series_uid
        before = by_uid.get(uid, ("keep", ()))
        worse = max(before[0], row["decision"], key=ACTIONS.index)
        by_uid[uid] = (worse, (*before[1], *reasons))
    return Vetted(plan=plan, decisions=by_uid)


def faults_of(plan: TrainingSetPlan) -> dict[str, dict[str, float]]:
    """Return, by series UID, its faults; what was copied has the fault of its copy."""
    made: dict[str, dict[str, float]] = collections.defaultdict(dict)
    for one in plan.series:
        for fault in one.faults:
            made[one.series_uid][fault.kind] = fault.dose
            if fault.kind.startswith("copy_") and one.copy_of is not None:
                made[plan.series[one.copy_of].series_uid].setdefault(fault.kind, fault.dose)
    return made


def recall(vetted: list[Vetted]) -> dict[str, dict[float, list[int]]]:
    """Return fault -> severity -> [found, planted]; a pair of copies is one."""
    made = {f.kind: {s: [0, 0] for s in SEVERITIES} for f in FAULTS}
    for one in vetted:
        for series in one.plan.series:
            whose = [series.series_uid]
            if series.copy_of is not None:
                whose.append(one.plan.series[series.copy_of].series_uid)
            for fault in series.faults:
                seen = made[fault.kind][fault.dose]
                seen[1] += 1
                seen[0] += any(_found(one.decisions.get(uid), fault.kind) for uid in whose)
    return made


def _found(decision: tuple[str, tuple[str, ...]] | None, kind: str) -> bool:
    if decision is None:
        return False
    action, reasons = decision
    return action != "keep" and bool(FITS[kind] & set(reasons))


def precision(vetted: list[Vetted]) -> dict[str, list[int]]:
    """Return reason -> [right, named]."""
    made: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0])
    for one in vetted:
        faults = faults_of(one.plan)
        for uid, (action, reasons) in one.decisions.items():
            for code in filter(None, reasons):
                if action == "keep":
                    continue
                made[code][1] += 1
                made[code][0] += any(code in FITS[kind] for kind in faults.get(uid, ()))
    return dict(sorted(made.items()))


def accused(vetted: list[Vetted]) -> tuple[int, int, dict[str, int]]:
    """Return how many series without any fault are not kept, of how many, and by which reason."""
    wrong, count = 0, 0
    reasons: dict[str, int] = collections.Counter()
    for one in vetted:
        faults = faults_of(one.plan)
        for uid, (action, codes) in one.decisions.items():
            if uid in faults:
                continue
            count += 1
            wrong += action != "keep"
            reasons.update(c for c in codes if c)
    return wrong, count, dict(reasons)


def study(reduced: bool) -> dict[str, Any]:
    """Run all sets."""
    people = 6 if reduced else 30
    matrix = 64 if reduced else 96
    common: dict[str, Any] = {"sites": 4 if reduced else 9, "people_a_site": people}
    common |= {"matrix": matrix, "slices": 8}
    spoiled: list[Vetted] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, share in enumerate((0.04,) if reduced else SHARES):
            spec = TrainingSetSpec(
                **common, faults={f.kind: share for f in FAULTS}, seed=SEED + number
            )
            spoiled.append(vet(spec, Path(folder) / f"spoiled{number}"))
        clean = [
            vet(
                TrainingSetSpec(**common, makers=makers, seed=SEED + 100 + number),
                Path(folder) / f"clean{number}",
            )
            for number, makers in enumerate((MAKERS[:3], MAKERS[3:]))
        ]
    return {
        "recall": recall(spoiled),
        "precision": precision(spoiled),
        "accused_among_spoiled": accused(spoiled),
        "accused_known_makers": accused(clean[:1]),
        "accused_other_makers": accused(clean[1:]),
        "series": sum(len(one.plan.series) for one in (*spoiled, *clean)),
    }


def page(found: dict[str, Any], seconds: float) -> list[str]:
    """Return the page of evidence."""
    rows = []
    for fault in FAULTS:
        seen = found["recall"][fault.kind]
        cells = [f"{hit} of {of}" for hit, of in seen.values()]
        rows.append([f"`{fault.kind}`", fault.meaning.rstrip("."), *cells])
    right = [
        [f"`{code}`", f"{hit} of {of}", cell(100.0 * hit / of, ".0f")]
        for code, (hit, of) in found["precision"].items()
    ]
    clean = []
    for words, name in (
        ("without a fault, in spoiled sets", "accused_among_spoiled"),
        ("clean set, makers that rules were looked at with", "accused_known_makers"),
        ("clean set, other makers and sites", "accused_other_makers"),
    ):
        wrong, count, reasons = found[name]
        said = ", ".join(f"{code} {n}" for code, n in sorted(reasons.items())) or "-"
        clean.append(
            [words, f"{wrong} of {count}", cell(100.0 * wrong / max(count, 1), ".2f"), said]
        )
    made = stamp(SEED, seconds)
    about = (
        f"{made['date']}, commit {made['commit']}, seed {SEED}: {found['series']:,} made-up "
        f"series, {seconds / 60:.0f} minutes. The default policy, set down before. Shares of 0.1, "
        "1 and 5 % of the series together; severities 0 (hardly there), 0.5 and 1 (gross)."
    )
    return [
        "# Vetting: every fault planted",
        "",
        about,
        "",
        "## What is found",
        "",
        *table(["fault", "what it is", *(f"severity {s:g}" for s in SEVERITIES)], rows),
        "",
        "## Which reasons are right",
        "",
        *table(["reason", "right", "%"], right),
        "",
        "## Who is accused without a fault",
        "",
        *table(["series", "not kept", "%", "reasons"], clean),
    ]


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--reduced", action="store_true")
    options = parser.parse_args()
    began = time.monotonic()
    found = study(options.reduced)
    lines = page(found, time.monotonic() - began)
    print("\n".join(lines))
    if not options.reduced:
        write("vet_faults", lines, found)
    wrong, count, _ = found["accused_other_makers"]
    if wrong > max(2.0, 2 * AIM_FALSE * count):
        raise SystemExit(f"{wrong} of {count} clean series are accused")
    gross = {k: v[1.0] for k, v in found["recall"].items()}
    hit, of = (sum(pair[i] for pair in gross.values()) for i in (0, 1))
    if hit < 0.7 * of:
        raise SystemExit(f"only {hit} of {of} gross faults are found")


if __name__ == "__main__":
    main()
