"""Weekly exams as DICOM through `qiqa qc` into a history, then `qiqa drift`.

Twenty-four weekly exams of the large ACR phantom are simulated with noise of their own, written as
DICOM, measured by the command line and kept; from week 15 on slices are thicker and x is scaled.
A second scanner stays as it is. With QIQA_REAL_DATA the public ACR exams are kept in the same
history: scanners with one or two exams, about which nothing may be said yet.

    python benchmarks/validation/drift_end_to_end.py [--reduced]

The reduced run has sixteen exams of one scanner, no public ones, and writes nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime as dt
import io
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _evidence import stamp, table, write

from qiqa.cli.app import run
from qiqa.io.definitions import load_phantom
from qiqa.io.write_dicom import write_exam
from qiqa.simulate.acr_large import simulate_exam
from qiqa.simulate.spec import AcrSpec

SEED = 20261128
FIRST = dt.datetime(2026, 1, 5, 7, 30)
THICKER_MM = 0.6
WIDER_PERCENT = 0.4
PLANTED = {"slice_thickness": THICKER_MM, "diameter_slice1_lr": 190.0 * WIDER_PERCENT / 100.0}
"""Measurement -> how far it moves, in its unit."""


def exam_spec(week: int, change: int | None, rng: np.random.Generator) -> AcrSpec:
    """Return one week's exam: placed by hand anew each time, changed from week `change` on."""
    changed = change is not None and week >= change
    base = AcrSpec(
        thickness_mm=5.0 + (THICKER_MM if changed else 0.0) + float(rng.normal(0.0, 0.03)),
        gradient_error_percent=(WIDER_PERCENT if changed else 0.0, 0.0, 0.0),
        center_offset_mm=(float(rng.normal(0.0, 1.0)), float(rng.normal(0.0, 1.0))),
        rotation_deg=float(rng.normal(0.0, 0.7)),
        snr=float(rng.normal(150.0, 4.0)),
    )
    return dataclasses.replace(base, acquired_at=FIRST + dt.timedelta(days=7 * (week - 1)))


def quietly(arguments: list[str]) -> tuple[int, str]:
    """Run one command line; return its status and what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = run(arguments)
    return code, out.getvalue()


def keep_simulated(folder: Path, store: Path, weeks: int, change: int | None, name: str) -> None:
    """Simulate, write, measure and keep the exams of one scanner."""
    phantom = load_phantom("acr_large")
    rng = np.random.default_rng([SEED, len(name), change or 0])
    for week in range(1, weeks + 1):
        exam = simulate_exam(phantom, exam_spec(week, change, rng), rng)
        place = folder / f"{name}_{week:02d}"
        write_exam(exam.named, place)
        code, _ = quietly(
            ["qc", str(place), "--store", str(store), "--scanner", name, "-o", str(place) + ".html"]
        )
        if code not in (0, 3, 4, 5):
            sys.exit(f"{name} week {week}: qiqa qc ended with {code}")


def keep_public(data: Path, folder: Path, store: Path) -> int:
    """Measure and keep the public ACR exams; return how many were kept."""
    kept = 0
    for place in sorted((data / "phantoms" / "acr_large").iterdir()):
        if not place.is_dir():
            continue
        page = folder / f"public_{place.name}.html"
        code, _ = quietly(["qc", str(place), "--store", str(store), "-o", str(page)])
        kept += code in (0, 3, 4, 5)
    return kept


def drift(store: Path, folder: Path, as_of: str, scanner: str | None = None) -> dict[str, Any]:
    """Return what `qiqa drift` says as JSON."""
    target = folder / "drift.json"
    more = [] if scanner is None else ["--scanner", scanner]
    command = ["drift", "--store", str(store), "--as-of", as_of, "--json", str(target)]
    quietly([*command, "-o", str(folder / "pages"), *more])
    found: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    return found


def rows_of(found: dict[str, Any], begun: dt.datetime) -> list[list[str]]:
    """Return what is told of the planted changes, against what is true."""
    rows = []
    for name, size in PLANTED.items():
        told = [
            f
            for f in found["findings"]
            if f["name"] == name and f["kind"] in ("step", "trend") and f["verdict"] != "pass"
        ]
        if not told:
            rows.append([name, f"{size:.2f}", "not found", "", ""])
            continue
        one = told[-1]
        low, high = one["date_interval"]
        held = dt.datetime.fromisoformat(low) <= begun <= dt.datetime.fromisoformat(high)
        ends = one["size_interval"]
        inside = ends[0] <= size <= ends[1]
        rows.append(
            [
                name,
                f"{size:.2f}",
                f"{one['kind']} {one['size']:.2f} ({ends[0]:.2f} to {ends[1]:.2f}) {one['unit']}",
                f"{low[:10]} to {high[:10]}" + ("" if held else ", not held"),
                "yes" if inside else "no",
            ]
        )
    return rows


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    arguments = parser.parse_args()
    began = time.perf_counter()
    weeks, change = (16, 11) if arguments.reduced else (24, 15)
    with tempfile.TemporaryDirectory(prefix="qiqa-drift-") as made:
        folder = Path(made)
        store = folder / "history.db"
        keep_simulated(folder, store, weeks, change, "changed")
        public = 0
        if not arguments.reduced:
            keep_simulated(folder, store, weeks, None, "steady")
            if os.environ.get("QIQA_REAL_DATA"):
                public = keep_public(Path(os.environ["QIQA_REAL_DATA"]), folder, store)
        last = FIRST + dt.timedelta(days=7 * (weeks - 1))
        found = drift(store, folder, last.date().isoformat())
    begun = FIRST + dt.timedelta(days=7 * (change - 1))
    rows = rows_of(found, begun)
    for row in rows:
        print(*row, sep=" | ")
    if any(row[2] == "not found" for row in rows):
        sys.exit("a planted change was not found")
    if arguments.reduced:
        return
    about = stamp(SEED, time.perf_counter() - began, exams=2 * weeks, public=public)
    quiet = [f for f in found["findings"] if f["scanner"] == "steady" and f["verdict"] != "pass"]
    states = [[s["scanner"], s["verdict"], str(s["exams"])] for s in found["scanners"]]
    lines = [
        "# From DICOM to drift",
        "",
        ", ".join(f"{key} {value}" for key, value in about.items()),
        "",
        (
            f"{weeks} weekly simulated exams of two scanners, DICOM through `qiqa qc` into one "
            f"history, beside {public} public exams; then `qiqa drift`. On scanner `changed` "
            f"slices are {THICKER_MM:g} mm thicker and x is {WIDER_PERCENT:g} % too wide from "
            f"{begun:%Y-%m-%d} on."
        ),
        "",
        *table(["measurement", "moved by", "told", "when", "interval holds it"], rows),
        "",
        f"On the steady scanner {len(quiet)} findings ask for something.",
        "",
        *table(["scanner", "verdict", "exams"], states),
    ]
    write("drift_end_to_end", lines, {"about": about, "findings": found["findings"]})


if __name__ == "__main__":
    main()
