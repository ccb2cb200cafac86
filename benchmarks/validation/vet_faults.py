"""Every fault at several shares and severities: what the default policy finds, and whom it accuses.

Made-up sets of nine sites (`qiqa simulate training-set`) of three makers. Each fault is in 0.1, 1
and 5 % of the series, at three severities in turn, a fifth of the spoiled series with a second one.
Then sets without any fault, from the same makers and from three that no rule was looked at with.

A series with a fault is found where the policy does anything but keep it for one of the reasons
that name the fault; a reason is right where a series has a fault of which it is true (a copied
series and its copy both count). The policy is the default one. Simulator and checks share no code.

Full run, writes docs/validation/vet_faults.{md,json}:

    python benchmarks/validation/vet_faults.py

In parts, on a share of the machine: each set is kept in a folder when it is done, and not made
again; `--only` makes one, and without it what is missing is made and the page written:

    python benchmarks/validation/vet_faults.py --keep FOLDER --processes 1 --only spoiled-0.001

Reduced run for continuous integration, writes nothing and fails where an aim is clearly missed:

    python benchmarks/validation/vet_faults.py --reduced
"""

from __future__ import annotations

import argparse
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

from _evidence import write
from _trial_keeping import about_runs, runs_of
from _vet_faults_page import accused, page, recall

from qiqa.cli.app import run
from qiqa.core.training_set import TrainingSetPlan
from qiqa.core.vetting import Action
from qiqa.simulate.set_faults import FAULTS
from qiqa.simulate.training_set import MAKERS, TrainingSetSpec
from qiqa.workflows.executing import processors
from qiqa.workflows.simulated_training_set import make_training_set

SHARES = (0.001, 0.01, 0.05)
# Written down before any set of this seed was made.
SEED = 40417
AIM_FALSE = 0.01
AIM_FOUND = 0.7
ACTIONS = [action.value for action in Action]

Rows = list[dict[str, Any]]


@dataclasses.dataclass(frozen=True, slots=True)
class MadeUp:
    """One set of the study."""

    name: str
    share: float
    """Of the series that have each fault; 0: none is planted."""
    spec: TrainingSetSpec


def sets(reduced: bool) -> tuple[MadeUp, ...]:
    """Return all sets; the one with the fewest faults is the largest."""
    size: dict[str, Any] = {"sites": 9, "matrix": 128, "slices": 8}
    if reduced:
        size = {"sites": 4, "matrix": 64, "slices": 8}
    people = {0.0: 30, 0.001: 40, 0.01: 40, 0.05: 30}
    made = []
    for number, share in enumerate((0.04,) if reduced else SHARES):
        spec = TrainingSetSpec(
            **size,
            people_a_site=6 if reduced else people[share],
            faults={fault.kind: share for fault in FAULTS},
            seed=SEED + number,
        )
        made.append(MadeUp(f"spoiled-{share:g}", share, spec))
    for number, (name, makers) in enumerate((("known", MAKERS[:3]), ("other", MAKERS[3:]))):
        spec = TrainingSetSpec(
            **size,
            people_a_site=6 if reduced else people[0.0],
            makers=makers,
            seed=SEED + 100 + number,
        )
        made.append(MadeUp(f"clean-{name}", 0.0, spec))
    return tuple(made)


def vetted(one: MadeUp, processes: int) -> Rows:
    """Make a set, run the command on it, and return a row for each series."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        plan = make_training_set(one.spec, folder / "set", processes=processes)
        words = ["vet", str(folder / "set" / "dicom"), "-o", str(folder / "out")]
        words += ["--processes", str(processes)]
        with contextlib.redirect_stdout(io.StringIO()):
            status = run(words)
        if status not in (0, 3, 4):
            raise SystemExit(f"qiqa {' '.join(words)} ended with {status}")
        said = decisions(folder / "out" / "manifest.csv", plan)
    copied: dict[int, list[str]] = {}
    for series in plan.series:
        if series.copy_of is not None:
            kinds = [f.kind for f in series.faults if f.kind.startswith("copy_")]
            copied.setdefault(series.copy_of, []).extend(kinds)
    return [
        {
            "set": one.name,
            "share": one.share,
            "uid": series.series_uid,
            "contrast": series.contrast,
            "faults": {fault.kind: fault.dose for fault in series.faults},
            "copied": copied.get(series.number, []),
            "copy_of": "" if series.copy_of is None else plan.series[series.copy_of].series_uid,
            "decision": said.get(series.series_uid, ("keep", ()))[0],
            "reasons": said.get(series.series_uid, ("keep", ()))[1],
        }
        for series in plan.series
    ]


def decisions(manifest: Path, plan: TrainingSetPlan) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return series UID -> decision, reasons."""
    with manifest.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    by_uid: dict[str, tuple[str, tuple[str, ...]]] = {}
    for row in rows:
        uid, reasons = row["series_uid"], tuple(filter(None, row["reasons"].split(";")))
        if uid.startswith("file:"):
            # a file that cannot be read is one of the series in whose folder it is
            uid = plan.series[int(row["path"].rsplit("/", 2)[1].split("_")[0])].series_uid
        before = by_uid.get(uid, ("keep", ()))
        worse = max(before[0], row["decision"], key=ACTIONS.index)
        by_uid[uid] = (worse, tuple(dict.fromkeys((*before[1], *reasons))))
    return by_uid


def missed(rows: Rows) -> None:
    """End with an error where an aim is clearly missed."""
    wrong, count, _ = accused([r for r in rows if r["set"] == "clean-other"])
    if wrong > max(2.0, 2 * AIM_FALSE * count):
        raise SystemExit(f"{wrong} of {count} clean series are accused")
    gross = [recall(rows, fault.kind, dose=1.0) for fault in FAULTS]
    hit, of = (sum(pair[i] for pair in gross) for i in (0, 1))
    if hit < AIM_FOUND * of:
        raise SystemExit(f"only {hit} of {of} gross faults are found")


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--keep", type=Path, help="folder for the sets that are done")
    parser.add_argument("--only", help="make this set and write no page")
    parser.add_argument("--processes", type=int, default=processors())
    options = parser.parse_args()
    began = time.perf_counter()
    wanted = [one for one in sets(options.reduced) if options.only in (None, one.name)]
    if not wanted:
        parser.error(f"--only {options.only}: there are {[s.name for s in sets(options.reduced)]}")
    rows: Rows = []
    for one in wanted:
        rows += runs_of(
            lambda _, one=one: vetted(one, options.processes), 1, options.keep, one.name
        )
    if options.only:
        return
    about = about_runs(SEED, began, options.keep)
    lines, payload = page(rows, about)
    print("\n".join(lines))
    if not options.reduced:
        write("vet_faults", lines, payload)
    missed(rows)


if __name__ == "__main__":
    main()
