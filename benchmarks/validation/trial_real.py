"""Public tables of phantoms at many sites: what is named, beside what was known before.

Two tables, read as any user would read them; the rules were written down before
(docs/decisions/scanner-bias.md). No table comes with the project:

    QIQA_REAL_DATA=<folder> python benchmarks/validation/trial_real.py --write

Without the folder, or with `--reduced`, it reads what is there and fails where the known errors
are not named.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import math
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

from qiqa.core.trial import BiasStudy, Readings
from qiqa.harmonize.scanners.bias import study_bias
from qiqa.harmonize.scanners.preparing import prepare
from qiqa.io.readings_table import read_readings

TODAY = dt.date(2026, 1, 1)
XCT = {
    "scanner": "site",
    "site": "site",
    "acquired_at": "scanDate",
    "insert": "section",
    "visit": "timePoint",
    "name": "parameter",
    "phantom_unit": "phantom",
}
PSNR = {"scanner": "Subject", "acquired_at": "Session", "value": "PSNR"}
SOFTWARE = {"software": "SoftwareVersions"}
WORDS = (
    *table(
        ["what was known of the table", "what qiqa says"],
        [
            [
                "Lyon: month 0 is dated after month 6",
                "named in both phantoms, with both dates; the values stay in",
            ],
            [
                "Odense, EFP: z 10.4",
                (
                    "one exam of three is off by 51 %: another phantom, or another protocol. It is "
                    "left out, and without it Odense is -1.7 % (-3.3 to -0.2): not far off"
                ),
            ],
            [
                "Aarhus: 2.2 % RMS CV in QC1, the worst; z 3.4 in EFP",
                (
                    "unstable in QC1 (section 4: SD 16.3 from exam to exam, others 1.95); +4.6 % "
                    "(3.0 to 6.2) in EFP. Its mean in QC1 is not off: -1.4 (-7.5 to 4.7)"
                ),
            ],
            [
                "Southampton (`Southamptom` in the table): slope 0.975 in QC1",
                (
                    "+8.3 (3.6 to 13.1) in the middle, -0.1 at the lowest and +16.8 at the highest "
                    "section: a slope of 2.1 % of 792"
                ),
            ],
            [
                "P0009: upgrade between 2023-07-10 and 2023-07-19",
                (
                    "without the column of the software: moved by 2.3 % between these two days; "
                    "with it: two epochs, and nothing moved"
                ),
            ],
            ["P0027: z -4.6", "-10.0 % (-11.5 to -8.5), z -4.6"],
        ],
    ),
    "",
    (
        "Not known before. P0012 and P0027 are called unstable (SD 2.5 and 2.0 %, others 1.15 %) "
        "only while the software is not stated: both had an upgrade from 8.6.1 to rc8.8.0_Beta1, "
        "and P0027 lost half of its bias in it, by one exam."
    ),
    "",
    (
        "T1 and T2 at 64 mT have stated references, and P0004 agrees with them to the last digit "
        "at every insert: the references are its own readings. This is P0009 against P0004, and no "
        "accuracy of either: the exam of P0004 is named (`reference_is_reading`) and left out; "
        "with one exam of the other there is no interval, and none is made up."
    ),
    "",
    (
        "No column says which unit of QC1 and EFP lay in which scanner (`phantom` is the type). "
        "Read as one unit, what differs between units is part of the bias of the sites."
    ),
)
"""What a person reads out of the tables of the last run."""


def studied(readings: Readings, **more: Any) -> BiasStudy:
    """Return the study of one measurement, without a claim."""
    return study_bias(prepare(readings, today=TODAY, **more), None)


def one_of(path: Path, columns: dict[str, str], name: str) -> Readings:
    """Return the readings of one measurement of a file."""
    return next(r for r in read_readings(path, columns).readings if r.name == name)


def relaxation(folder: Path, quantity: str, salt: str) -> Readings:
    """Return T1 or T2 of the mimics of a salt beside the values that the table states for them."""
    name = f"{quantity} [s]"
    with (folder / f"relaxometry_{salt}_mimics.csv").open(encoding="utf-8") as file:
        known = {row["Mimic"]: float(row[name]) for row in csv.DictReader(file)}
    with (folder / "relaxometry_results_241016.csv").open(encoding="utf-8") as file:
        rows = [
            {
                "scanner": row["Subject"],
                "acquired_at": _dated(row["Session"]),
                "reconstruction": row["Reconstruction"],
                "insert": f"{quantity} {row['LabelValue']}",
                "name": quantity,
                "value": row["Median"],
                "reference_value": known[f"{quantity} {row['LabelValue']}"],
            }
            for row in csv.DictReader(file)
            if row["Quant"] == quantity and row["Segmentation"] == f"{quantity}mimics_fix"
        ]
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "relaxation.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            out = csv.DictWriter(file, rows[0])
            out.writeheader()
            out.writerows(rows)
        return one_of(path, {"software": "reconstruction"}, quantity)


def _dated(session: str) -> str:
    """Return a date of 20240708 or 230224."""
    text = session if len(session) == 8 else f"20{session}"
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def robust_z(study: BiasStudy) -> dict[tuple[str, str], float]:
    """Return how far each bias is from the median of all, in scaled median deviations."""
    bias = np.array([one.bias for one in study.scanners])
    middle = np.median(bias)
    spread = 1.4826 * np.median(np.abs(bias - middle))
    if spread == 0.0:
        return {(one.scanner, one.epoch): math.nan for one in study.scanners}
    return {(one.scanner, one.epoch): float((one.bias - middle) / spread) for one in study.scanners}


def studies(root: Path) -> dict[str, BiasStudy]:
    """Return the study of each table."""
    xct, unity = root / "tables" / "xcalrep_hrpqct", root / "tables" / "unity_qa_64mT"
    return {
        "QC1, Tt.vBMD": studied(one_of(xct / "qc1.RData.csv", XCT, "Tt.vBMD")),
        "EFP, Tt.vBMD": studied(one_of(xct / "efp.RData.csv", XCT, "Tt.vBMD")),
        "64 mT, PSNR, software not stated": studied(one_of(unity / "PSNR_df.csv", PSNR, "PSNR")),
        "64 mT, PSNR, software stated": studied(
            one_of(unity / "PSNR_df.csv", PSNR | SOFTWARE, "PSNR")
        ),
        "64 mT, T1 of NiCl2": studied(relaxation(unity, "T1", "NiCl"), percent=True),
        "64 mT, T2 of MnCl2": studied(relaxation(unity, "T2", "MnCl"), percent=True),
    }


def numbers(found: dict[str, BiasStudy]) -> list[dict[str, Any]]:
    """Return flags, biases and components of all studies as plain rows."""
    out = []
    for title, study in found.items():
        z = robust_z(study)
        out.append(
            {
                "title": title,
                "unit": study.unit,
                "basis": study.basis,
                "readings": study.readings,
                "left_out": study.left_out,
                "flags": [[f.kind, f.where, f.reason] for f in study.flags],
                "components": [[c.name, c.sd, *c.interval] for c in study.components],
                "scanners": [
                    [one.scanner, one.epoch, one.bias, *one.bias_interval, one.exams, z[key]]
                    for one in study.scanners
                    for key in [(one.scanner, one.epoch)]
                ],
            }
        )
    return out


def page(rows: list[dict[str, Any]], about: dict[str, Any]) -> list[str]:
    """Return the page: what is named, and the scanners that are farthest off."""
    lines = [
        "# Public tables of phantoms at many sites",
        "",
        ", ".join(f"{key} {value}" for key, value in about.items()),
        "",
        (
            "QC1 and EFP: two phantoms for peripheral CT at 13 sites, XcalRep (MIT, commit "
            "55d6dec). 64 mT: UNITY QA, 17 scanners (MIT, commit 6d46d66). The rules were fixed "
            "before, see [scanner bias](../decisions/scanner-bias.md)."
        ),
        "",
        "## Beside what was known",
        "",
        *WORDS,
    ]
    for row in rows:
        unit = row["unit"] or "unit of the values"
        lines += [
            "",
            f"## {row['title']}",
            "",
            (
                f"{row['readings']} readings, {row['left_out']} left out; against "
                f"{'stated references' if row['basis'] == 'stated' else 'the consensus'}; "
                f"biases in {unit}."
            ),
            "",
            *table(["flag", "where", "reason"], row["flags"]),
            "",
            "Farthest from the median of all (z: in scaled median deviations):",
            "",
            *table(
                ["scanner", "epoch", "bias", "95 %", "exams", "z"],
                [_scanner(one) for one in sorted(row["scanners"], key=lambda s: -abs(s[6]))[:4]],
            ),
        ]
    return lines


def _scanner(one: list[Any]) -> list[str]:
    name, epoch, bias, low, high, exams, z = one
    interval = "not known: one exam" if np.isnan(low) else f"{low:.2f} to {high:.2f}"
    return [
        name,
        epoch,
        f"{bias:+.2f}",
        interval,
        str(exams),
        (f"{z:+.1f}" if math.isfinite(z) else "none"),
    ]


KNOWN = (
    ("QC1, Tt.vBMD", "dates_out_of_order", "Lyon"),
    ("QC1, Tt.vBMD", "unstable", "Aarhus"),
    ("EFP, Tt.vBMD", "dates_out_of_order", "Lyon"),
    ("EFP, Tt.vBMD", "wrong_phantom", "Odense"),
    ("64 mT, PSNR, software not stated", "moved", "P0009"),
)
"""Study, flag and scanner that were known from the tables before."""


def main() -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    root = Path(os.environ.get("QIQA_REAL_DATA", ""))
    if not (root / "tables" / "xcalrep_hrpqct").is_dir():
        print("QIQA_REAL_DATA holds no tables/xcalrep_hrpqct: nothing to read")
        return
    began = time.perf_counter()
    rows = numbers(studies(root))
    flags = {row["title"]: row["flags"] for row in rows}
    for title, kind, scanner in KNOWN:
        if not any(f[0] == kind and f[1].split(",")[0] == scanner for f in flags[title]):
            sys.exit(f"{title}: {kind} at {scanner} is not named")
        print(f"{title}: {kind} at {scanner} is named")
    if arguments.write and not arguments.reduced:
        about = stamp(None, time.perf_counter() - began)
        write("trial_real", page(rows, about), {"about": about, "studies": rows})


if __name__ == "__main__":
    main()
