"""Quantitative phantoms on public scans: labels, T1, T2 and ADC beside their certificates.

    QIQA_REAL_DATA=... python benchmarks/validation/arrangement_real.py --write

No hints but serial number and temperature. T2 is given by one exponential too, which is what most
programs fit. `--reduced` does the T1 plate only; without the scans nothing is done, and it says so.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

CASES = (
    ("Siemens 3 T, unit 130-0093 (batch 2)", "phantoms/system/mrbias_A", "nist_system",
     {"phantom_unit": "130-0093", "temperature": 20.0}),
    ("Siemens 1.5 T, T1 (batch 1 assumed)", "phantoms/system/hazen/T1/site1_20200218",
     "nist_system", {"phantom_unit": "130-0001", "temperature": 20.0}),
    ("Siemens 1.5 T, T2 (batch 1 assumed)", "phantoms/system/hazen/T2/site1_20200218",
     "nist_system", {"phantom_unit": "130-0001", "temperature": 20.0}),
    ("GE 1.5 T, T1 (batch 1 assumed)", "phantoms/system/hazen/T1/site3_ge", "nist_system",
     {"phantom_unit": "130-0001", "temperature": 20.0}),
    ("GE 1.5 T, T2 (batch 1 assumed)", "phantoms/system/hazen/T2/site3_ge", "nist_system",
     {"phantom_unit": "130-0001", "temperature": 20.0}),
    ("Siemens 3 T in ice water, unit 128-0155", "phantoms/diffusion", "qiba_diffusion",
     {"phantom_unit": "128-0155", "temperature": 0.0, "temperature_uncertainty": 0.2}),
)  # fmt: skip


_ABOUT = (
    "ms, and µm²/s for ADC; u is the standard uncertainty of the measured value. Serial numbers of "
    "the 1.5 T units are not known; their values are those of batch 1, which the program that "
    "published the scans uses."
)
_OTHERS = (
    "What other programs print for these files, from runs of their code: mrbias (e455051) T1 of "
    "spheres 11 to 14 of the first scan 45.8, 33.0, 24.4 and 62.6 ms (certificate 60.2, 42.9, 30.4 "
    "and 21.4: four labels are exchanged) and 1160.7 ms for sphere 1 (1884); hazen (ce5426a) T2 of "
    "the MnCl2 plates +16.9 % on the Siemens 1.5 T scan and +24.9 % on the GE scan, in the median."
)


MNCL2_MM = {
    "1": (0.013, 0.021, 0.031, 0.047, 0.069, 0.101, 0.145, 0.207, 0.296, 0.421, 0.599, 0.849,
          1.104, 1.704),
    "2": (0.0113, 0.0181, 0.0282, 0.0434, 0.0673, 0.0934, 0.1353, 0.193, 0.2768, 0.4276, 0.5555,
          0.7902, 1.1274, 1.5996),
}  # fmt: skip
"""Concentrations [mM] of T2-1 to T2-14 (Stupic et al. 2021; NIST 80100S-20200610-C1)."""
WATER_PER_S = 0.32
_SAME = range(6, 12)
"""Spheres whose relaxivity is summed up: far from water, above the echo spacing, not exchanged."""
_RELAXIVITY = (
    "R2 less that of water over the concentration, [1/s/mM]. It is one number for one salt, field "
    "and temperature, whatever the certificate of a sphere says: how much it scatters tells how "
    "right T2 of the spheres are to each other. Concentrations are known to about 1 %."
)


def judged(path: Path, protocol: Any, entries: dict[str, Any]) -> Any:
    """Return the exam of a folder."""
    from qiqa.io.definitions import load_phantom
    from qiqa.workflows.weekly_qc import QcRequest, run_qc

    request = QcRequest(
        paths=(path,), phantom=load_phantom(protocol.phantom), protocol=protocol, entries=entries
    )
    return run_qc(request, now=dt.datetime.now(dt.UTC), user="study")


def values(result: Any) -> dict[tuple[str, str], Any]:
    """Return measurements by series and name, of inserts only; the first of repeats."""
    found: dict[tuple[str, str], Any] = {}
    for item in result.assessments:
        m = item.measurement
        if m.insert is not None and m.quantity in ("t1", "t2", "adc"):
            found.setdefault((m.role or "", m.name), item)
    return found


def section(title: str, root: Path, name: str, entries: dict[str, Any]) -> list[str]:
    """Return the lines of one scan."""
    from _evidence import table

    from qiqa.io.definitions import load_protocol

    protocol = load_protocol(name)
    result = judged(root, protocol, entries)
    plain = dataclasses.replace(
        protocol,
        series=tuple(dataclasses.replace(s, model=None) for s in protocol.series),
    )
    one = values(judged(root, plain, entries)) if name == "nist_system" else {}
    poses = [s for s in result.series if s.pose is not None]
    lines = [f"## {title}", ""]
    lines += [f"- {s.role}: labels {s.pose.labels}; {'; '.join(s.pose.evidence)}" for s in poses]
    said = ("inserts_exchanged", "slice_profile", "misfit", "values_out_of_order")
    lines += [f"- {f.code}: {f.message}" for f in result.findings if f.code in said]
    rows = []
    for key, item in values(result).items():
        m, r = item.measurement, item.measurement.reference
        factor = 1e6 if m.quantity == "adc" else 1.0
        off = "" if r is None or not m.measured else f"{100 * (m.value / r.value - 1):+.1f}"
        other = one.get(key)
        alone = ""
        if m.quantity == "t2" and other is not None and other.measurement.measured:
            o = other.measurement
            alone = f"{o.value:.4g}"
            if o.reference is not None:
                alone += f" ({100 * (o.value / o.reference.value - 1):+.1f} %)"
        rows.append(
            (key[0], m.name, "" if r is None else f"{r.value * factor:.5g}",
             f"{m.value * factor:.5g}" if m.measured else "",
             f"{m.standard_uncertainty * factor:.2g}" if m.measured else "", off, alone,
             str(item.verdict), (item.reason or m.reason or "").split(";")[0])
        )  # fmt: skip
    heads = ("series", "value", "certified", "measured", "u", "departure %", "one exponential",
             "verdict", "why")  # fmt: skip
    return [*lines, "", *table(heads, rows), ""]


def relaxivity(root: Path, title: str, batch: str, name: str, entries: dict[str, Any]) -> list[str]:
    """Return R2 over concentration: measured, certified, and by one exponential."""
    from _evidence import table

    from qiqa.io.definitions import load_protocol

    protocol = load_protocol(name)
    series = tuple(dataclasses.replace(s, model=None) for s in protocol.series)
    found = values(judged(root, protocol, entries))
    plain = values(judged(root, dataclasses.replace(protocol, series=series), entries))
    columns: dict[str, dict[int, float]] = {"measured": {}, "certified": {}, "one exponential": {}}
    for n, concentration in enumerate(MNCL2_MM[batch], start=1):
        for column, source in (("measured", found), ("one exponential", plain)):
            item = source.get(("T2", f"t2_T2-{n}"))
            if item is not None and item.measurement.measured:
                columns[column][n] = (1000 / item.measurement.value - WATER_PER_S) / concentration
        item = found.get(("T2", f"t2_T2-{n}"))
        if item is not None and item.measurement.reference is not None:
            t2 = item.measurement.reference.value
            columns["certified"][n] = (1000 / t2 - WATER_PER_S) / concentration
    rows = [
        (f"T2-{n}", *(f"{c[n]:.1f}" if n in c else "" for c in columns.values()))
        for n in range(1, 15)
    ]
    scatter = []
    for column in columns.values():
        used = [column[n] for n in _SAME if n in column]
        mean, sd = statistics.mean(used), statistics.stdev(used)
        scatter.append(f"{mean:.1f} ± {100 * sd / mean:.1f} %")
    rows.append((f"T2-{_SAME[0]} to T2-{_SAME[-1]}, mean and SD", *scatter))
    return [f"## Relaxivity of MnCl2: {title}", "", *table(("sphere", *columns), rows), ""]


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reduced", action="store_true", help="one scan")
    parser.add_argument("--write", action="store_true", help="write docs/validation")
    options = parser.parse_args()
    given = os.environ.get("QIQA_REAL_DATA")
    if not given:
        print("QIQA_REAL_DATA is not set: no scans, nothing done")
        return 0
    from _evidence import FOLDER, stamp

    began = time.perf_counter()
    lines: list[str] = []
    for title, folder, name, entries in CASES[1:2] if options.reduced else CASES:
        lines += section(title, Path(given) / folder, name, entries)
    if not options.reduced:
        lines += ["## What T2 of the spheres say together", "", _RELAXIVITY, ""]
        for (title, folder, name, entries), batch in ((CASES[2], "1"), (CASES[0], "2")):
            lines += relaxivity(Path(given) / folder, title, batch, name, entries)
    made = stamp(None, time.perf_counter() - began)
    words = f"{made['date']}, commit {made['commit']}, `benchmarks/validation/arrangement_real.py`."
    head = ["# Quantitative phantoms on public scans", "", f"{words} {_ABOUT}", "", _OTHERS, ""]
    print("\n".join(lines))
    if options.write:
        path = FOLDER / "arrangement_real.md"
        path.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")
        print(f"written to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
