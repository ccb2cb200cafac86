"""Public QA of low-field scanners: what the default rules find, with and without temperature.

PSNR of 242 phantom sessions on 17 scanners (UNITY QA, MIT licence), with software and temperature.
The rules were chosen on simulated histories and written down before, in
docs/decisions/drift-rules.md.

    QIQA_REAL_DATA=... python benchmarks/validation/drift_unity.py [--reduced]

writes docs/validation/drift_unity.{md,json}; fails where the known upgrade of P0009 or the
biased scanner P0027 is not found.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _evidence import stamp, table, write

from qiqa.core.drift_payload import finding_row
from qiqa.drift.policy import Policy
from qiqa.io.history_table import read_history_table
from qiqa.report.drift_text import sentence
from qiqa.workflows.watching import Records, Watched, watch

COLUMNS = {"scanner": "Subject", "acquired_at": "Session", "value": "PSNR"}
SOFTWARE = {"software": "SoftwareVersions"}
WAYS: dict[str, tuple[dict[str, str], Policy]] = {
    "software and temperature": ({**COLUMNS, **SOFTWARE}, Policy()),
    "software only": ({**COLUMNS, **SOFTWARE}, Policy(adjust=())),
    "temperature only": (COLUMNS, Policy()),
    "neither": (COLUMNS, Policy(adjust=())),
}
PUBLISHED = (
    ("P0009, level with the upgrade to rc8.7.0_Beta1, with temperature", "+0.660 dB (SE 0.104)"),
    ("P0009, the same without temperature", "34.03 to 34.82: +0.79 dB"),
    ("P0009, temperature", "-0.108 dB/°C"),
    ("P0020, P0029, P0039", "no change"),
    ("P0027", "mean 30.40, robust z -4.55; all others below 1.7"),
)
"""What an analysis of its own, made beforehand by others, found in the same table."""


def joined(folder: Path, target: Path) -> None:
    """Write one table of value, software and temperature."""
    place = folder / "tables" / "unity_qa_64mT"
    with (place / "session_params.csv").open(encoding="utf-8") as file:
        degrees = {(r["Subject"], r["Session"]): r["Temperature"] for r in csv.DictReader(file)}
    with (
        (place / "PSNR_df.csv").open(encoding="utf-8") as file,
        target.open("w", encoding="utf-8", newline="") as out,
    ):
        writer = csv.writer(out)
        names = ("Subject", "Session", "PSNR", "SoftwareVersions")
        writer.writerow([*names, "temperature"])
        for row in csv.DictReader(file):
            degree = degrees.get((row["Subject"], row["Session"]), "")
            writer.writerow([*(row[name] for name in names), degree])


def look(path: Path, columns: dict[str, str], policy: Policy) -> Watched:
    """Return what is found in the table."""
    series = read_history_table(path, columns).series
    last = max(s.at[-1] for s in series).astype("datetime64[us]").astype(dt.datetime)
    return watch(series, Records(), now=last, policy=policy)


def told(made: Watched) -> list[list[str]]:
    """Return one row a scanner: what asks for something, or its state."""
    rows = []
    states = {state.scanner: state for state in made.scanners}
    for one in sorted(made.fleet.scanners, key=lambda s: s.scanner):
        found = [f for f in one.findings if f.verdict in ("tolerance", "action")]
        shown = "in control" if one.verdict == "pass" else "too few exams"
        words = "; ".join(sentence(f).removeprefix("PSNR ") for f in found) or shown
        slopes = [a for s in states[one.scanner].series for a in s.adjusted_for]
        slope = f"{slopes[0][1]:.3f} ± {slopes[0][2]:.3f}" if slopes else ""
        exams = sum(len(s.series) for s in states[one.scanner].series)
        rows.append([one.scanner, str(exams), words, slope.replace("nan ± nan", "")])
    return rows


def check(made: Watched) -> None:
    """End with an error where what is documented is not found."""
    found = [f for s in made.fleet.scanners for f in s.findings]
    step = [f for f in found if f.scanner == "P0009" and f.rule == "epoch"]
    inside = [f for f in step if f.size_interval and f.size_interval[0] < 0.66 < f.size_interval[1]]
    if not inside:
        sys.exit("the upgrade of P0009 is not found")
    if not [f for f in found if f.scanner == "P0027" and f.kind == "bias" and f.size < 0]:
        sys.exit("the bias of P0027 is not found")
    quiet = {s.scanner for s in made.fleet.scanners if s.verdict == "pass"}
    if not {"P0020", "P0029", "P0039"} <= quiet:
        sys.exit("P0020, P0029 or P0039 is not in control")


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    arguments = parser.parse_args()
    data = os.environ.get("QIQA_REAL_DATA")
    if not data or not (Path(data) / "tables" / "unity_qa_64mT").is_dir():
        print("QIQA_REAL_DATA is not set or lacks tables/unity_qa_64mT: nothing to do")
        return
    began = time.perf_counter()
    out: dict[str, Any] = {}
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="qiqa-unity-") as made:
        path = Path(made) / "psnr.csv"
        joined(Path(data), path)
        for way, (columns, policy) in WAYS.items():
            seen = look(path, columns, policy)
            if way == "software and temperature":
                check(seen)
            out[way] = [finding_row(f) for s in seen.fleet.scanners for f in s.findings]
            heads = ("scanner", "exams", "found", "dB/°C ± SE")
            lines += [f"## With {way}", "", *table(heads, told(seen)), ""]
    print("found: the upgrade of P0009, the bias of P0027; P0020, P0029, P0039 in control")
    if arguments.reduced:
        return
    about = stamp(None, time.perf_counter() - began)
    head = [
        "# Low-field scanners: PSNR of 17 sites",
        "",
        ", ".join(f"{key} {value}" for key, value in about.items()),
        "",
        (
            "PSNR of phantom sessions (UNITY QA, github.com/UNITY-Physics/unity_qa_paper, MIT), "
            "default rules unchanged. What was mended after looking at these scanners is in the "
            "[decision](../decisions/drift-rules.md)."
        ),
        "",
        "## What others found in it",
        "",
        *table(("what", "value"), PUBLISHED),
        "",
    ]
    write("drift_unity", [*head, *lines], {"about": about, **out})


if __name__ == "__main__":
    main()
