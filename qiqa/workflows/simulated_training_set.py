"""Make up a training set: plan it, draw each image, write it, and write down the truth."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable
from pathlib import Path

from qiqa.core.errors import OutputError
from qiqa.core.training_set import PlannedSeries, TrainingSetPlan
from qiqa.io.write_training_set import write_planned_series
from qiqa.simulate.training_set import TrainingSetSpec, image_of, plan_training_set

__all__ = ["make_training_set"]

_SOME = 64
"""Series in one piece of work."""
_TRUTH = ("number", "series_uid", "site", "maker", "contrast", "patient_id", "label", "split")


def make_training_set(
    spec: TrainingSetSpec,
    folder: Path,
    *,
    processes: int = 1,
    tell: Callable[[str], None] = lambda _: None,
) -> TrainingSetPlan:
    """Write the DICOM files of a made-up set and `truth.csv` beside them.

    Parameters
    ----------
    spec
        What is asked for.
    folder
        Is made; `dicom/` in it holds the images.
    processes
        How many draw and write.
    tell
        Progress.

    Raises
    ------
    OutputError
        If the folder is there already and not empty.
    """
    from qiqa.workflows.executing import Processes

    if folder.exists() and any(folder.iterdir()):
        raise OutputError("is not empty", where=str(folder), hint="name a new folder with -o")
    folder.mkdir(parents=True, exist_ok=True)
    plan = plan_training_set(spec)
    total, done = len(plan.series), 0
    pieces = (
        (dataclasses.replace(plan, series=plan.series[i : i + _SOME]), folder / "dicom")
        for i in range(0, total, _SOME)
    )
    if processes > 1:
        runs = Processes(processes).run(_write, pieces)
    else:
        runs = ((piece, _write(piece)) for piece in pieces)
    for _, count in runs:
        done += int(count)
        tell(f"{done:,} of {total:,} series")
    _write_truth(plan, folder / "truth.csv")
    return plan


def _write(piece: tuple[TrainingSetPlan, Path]) -> int:
    plan, folder = piece
    for one in plan.series:
        write_planned_series(folder, one, plan.scanners[one.scanner], image_of(plan, one))
    return len(plan.series)


def _write_truth(plan: TrainingSetPlan, path: Path) -> None:
    """Write what every series is and what is wrong with it, one line each."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow([*_TRUTH, "date", "faults", "copy_of"])
        for one in plan.series:
            out.writerow(_row(one, plan))


def _row(one: PlannedSeries, plan: TrainingSetPlan) -> list[object]:
    scanner = plan.scanners[one.scanner]
    faults = ";".join(f"{fault.kind}={fault.dose:g}" for fault in one.faults)
    copied = "" if one.copy_of is None else plan.series[one.copy_of].series_uid
    what = (one.contrast, one.patient_id, one.label, one.split, one.date.isoformat())
    return [one.number, one.series_uid, scanner.site, scanner.manufacturer, *what, faults, copied]
