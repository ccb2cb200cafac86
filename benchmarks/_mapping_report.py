"""Tables of the speed of parameter fits, for the terminal and for docs/benchmarks."""

from __future__ import annotations

import json
import math
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _mapping_machine import width

CONDITIONS = (
    "Simulated magnitudes with Rician noise, float32, one thread unless said; S0/noise SD 100 (for",
    "variable flip angle the largest point), fixed seeds; the equations are written out in",
    "benchmarks/_mapping_cases.py and share no code with what is timed. Our time is the best of",
    "several fits of all voxels in memory, as is that of the numpy lines. scipy and the other",
    "programs fit as many of the same voxels as take some seconds, once, on one thread, in the",
    "configuration that their documentation advises, with arrays in float64 and in the layout that",
    "they want (making those is not counted); lavlab-adc reads and writes files, which is counted.",
    "Estimates only: `uncertainty=False, noise_sd=None`. With errors: `noise_sd=None`, so",
    "standard error, residual and status, but no noise floor. Full: the defaults, noise SD",
    "estimated and floor judged as well. A voxel without an answer counts as more than 20 % off.",
    "Bandwidth is that of a triad on one thread; bytes moved are input and output arrays once",
    "(what a fit reads again while it is in cache costs nothing, and is not counted).",
)

MEDIAN_ALLOWED_PERCENT = 10.0
"""At S0 / noise SD 100 every fit here does several times better."""


QUIET_LOAD = 0.5
"""Load average over a minute, at the start, above which the page says that it was disturbed."""


def rate(value: float) -> str:
    """Return voxels/s with three digits."""
    for factor, suffix in ((1e6, " M"), (1e3, " k")):
        if value >= factor:
            return f"{value / factor:.3g}{suffix}"
    return f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "" if value is None or not math.isfinite(value) else f"{value:.2f} %"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows)]


def _versus(versus: dict[str, Any]) -> str:
    if not versus.get("compared"):
        return ""
    words = f"{versus['p99']:.0e} / {versus['max']:.0e} ({versus['compared']})"
    return f"{words}, {versus['estimator']}"


def _ours(result: dict[str, Any]) -> list[str]:
    triad = result["bandwidth"]["triad_bytes_per_s"]
    rows = []
    for fit in result["fits"]:
        o = fit["ours"]
        share = o["voxels_per_s"] * o["bytes_per_voxel"] / triad
        versus = o["versus_converged"] or {}
        rows.append(
            (
                fit["title"],
                rate(o["voxels_per_s"]),
                rate(o["voxels_per_s_errors"]),
                rate(o["voxels_per_s_full"]),
                f"{o['bytes_per_voxel']:.0f}",
                f"{100 * share:.0f} %" if share >= 0.005 else "< 1 %",
                _percent(o["median_error_percent"]),
                _percent(o["beyond_20_percent"]),
                _versus(versus),
            )
        )
    head = ("fit", "voxels/s, estimates only", "with errors", "full", "bytes/voxel", "of bandwidth")
    head += (
        "median error",
        "> 20 % off",
        "from converged float64: p99 / largest (voxels), estimator",
    )
    return _table(head, rows)


def _others(result: dict[str, Any]) -> list[str]:
    rows = []
    for fit in result["fits"]:
        ours = fit["ours"]
        for one in fit["others"]:
            name = f"{one['by']} {one.get('version', '')}".strip()
            if "reason" in one:
                rows.append((fit["title"], name, one["reason"].replace("|", "/"), *[""] * 5))
                continue
            rows.append(
                (
                    fit["title"],
                    name,
                    rate(one["voxels_per_s"]),
                    f"{ours['voxels_per_s'] / one['voxels_per_s']:.3g}",
                    f"{ours['voxels_per_s_full'] / one['voxels_per_s']:.3g}",
                    _percent(one["median_error_percent"]),
                    _percent(one["beyond_20_percent"]),
                    str(one["voxels"]),
                )
            )
    head = ("fit", "by", "voxels/s", "ours are faster by", "ours in full by", "median error")
    return _table((*head, "> 20 % off", "voxels"), rows)


def _threads(result: dict[str, Any]) -> list[str]:
    rows = [
        (
            one["case"],
            f"{one['one_thread_s']:.3f}",
            f"{one['two_threads_s']:.3f}",
            f"{one['two_processes_s']:.3f}",
            f"{one['speedup_threads']:.2f}",
            f"{one['speedup_processes']:.2f}",
            f"{one['threads_over_processes']:.2f}",
        )
        for one in result["threads"]
    ]
    head = ("fit, full", "1 thread [s]", "2 threads [s]", "2 processes, half each [s]")
    return _table((*head, "threads gain", "processes gain", "threads to processes"), rows)


def _memory(result: dict[str, Any]) -> list[str]:
    rows = []
    for one in result["memory"]:
        if "reason" in one:
            rows.append((one["case"], one["reason"], "", "", ""))
            continue
        sizes = (one[k] / 2**20 for k in ("input_bytes", "output_bytes", "extra_at_peak_bytes"))
        rows.append((one["case"], *(f"{size:.0f}" for size in sizes), f"{one['ratio']:.2f}"))
    head = ("fit, full", "input [MiB]", "output [MiB]", "beside input at the peak [MiB]")
    return _table((*head, "peak / (input + output)"), rows)


def _cold(result: dict[str, Any]) -> list[str]:
    rows = []
    for one in result["cold"]:
        cells = []
        for kind in ("warm", "empty"):
            held = one[kind]
            if "reason" in held:
                cells += [held["reason"].replace("|", "/"), ""]
            else:
                cells += [f"{held['first_use_s']:.2f}", f"{held['process_s']:.2f}"]
        rows.append((one["case"], *cells))
    head = ("fit", "cache filled: import and first fit [s]", "whole process [s]")
    return _table((*head, "cache empty: import and first fit [s]", "whole process [s]"), rows)


def _files(result: dict[str, Any]) -> list[str]:
    rows = []
    for one in result["files"]:
        if "reason" in one:
            rows.append((one["reason"].replace("|", "/"), *[""] * 5))
            continue
        shape = " x ".join(str(v) for v in one["shape"])
        rows.append(
            (
                f"{shape}, {one['inversion_times']} TI",
                str(one["threads"]),
                f"{one['median_s']:.2f}",
                f"{one['best_s']:.2f}",
                f"{one['bytes_read'] / 2**20:.0f}",
                f"{one['bytes_written'] / 2**20:.0f}, {one['files_written']} files",
            )
        )
    head = ("`qiqa map t1`, int16 .nii in", "threads", "median [s]", "best [s]", "read [MiB]")
    return _table((*head, "written [MiB]"), rows)


def vectors(result: dict[str, Any]) -> str:
    """Return the widest vectors that LLVM used for our kernels, in words."""
    kernels: dict[str, dict[str, int]] = {}
    for one in result["cold"]:
        kernels.update(one["kernels"])
    return width(kernels)


def _disturbed(load: dict[str, Any]) -> str:
    busy = load["before"] is not None and load["before"][0] > QUIET_LOAD
    return " (NOT A QUIET MACHINE: something else ran at the start)" if busy else ""


def _head(result: dict[str, Any]) -> list[str]:
    machine, band, load = result["machine"], result["bandwidth"], result["load_average"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    copy, triad = (band[f"{k}_bytes_per_s"] / 1e9 for k in ("copy", "triad"))
    lines = [
        (
            f"{result['date']}; {machine['processor']}, {machine['processors']} processors; "
            f"{machine['system']}; flags {' '.join(machine['flags'])}; LLVM target "
            f"{machine['llvm_target']}; our kernels: {vectors(result)}."
        ),
        f"Python {machine['python']}, {versions}.",
        (
            f"Load average before {load['before']}, after {load['after']}{_disturbed(load)}. "
            f"Bandwidth on one thread: copy {copy:.1f}, triad {triad:.1f} GB/s "
            f"({band['array_mebibytes']} MiB an array)."
        ),
    ]
    for kind, words in (("not_installed", "Not installed"), ("models_without_a_row", "No row")):
        lines += [f"{words}: {name}: {why}." for name, why in result[kind].items()]
    return lines


def sections(result: dict[str, Any]) -> list[str]:
    """Return the whole page as lines of Markdown."""
    truths = [
        f"- {fit['title']}: {fit['ranges']}; {fit['ours']['method']}" for fit in result["fits"]
    ]
    parts = (
        ("Our fits", _ours(result)),
        ("Other programs on the same data", _others(result)),
        ("Two threads against two independent processes", _threads(result)),
        ("Peak memory", _memory(result)),
        ("Cold start", _cold(result)),
        ("Files to files", _files(result)),
        ("Truth and method of each fit", truths),
    )
    lines = ["# Speed of parameter fits", "", *_head(result), "", *CONDITIONS]
    for title, body in parts:
        lines += ["", f"## {title}", "", *body]
    return lines


def print_tables(result: dict[str, Any]) -> None:
    """Print the page."""
    print("\n".join(sections(result)), flush=True)


def verdict(result: dict[str, Any]) -> int:
    """Return 1 where something of our own failed, or where a fit is clearly wrong."""
    parts = (*result["memory"], *result["files"])
    parts += tuple(one[kind] for one in result["cold"] for kind in ("empty", "warm"))
    wrong = [one["reason"] for one in parts if "reason" in one and "/proc" not in one["reason"]]
    for fit in result["fits"]:
        ours = fit["ours"]
        if not ours["median_error_percent"] < MEDIAN_ALLOWED_PERCENT:
            wrong.append(f"{ours['case']}: median error {ours['median_error_percent']:.1f} %")
    for text in wrong:
        print(f"WRONG {text}")
    return 1 if wrong else 0


def write(result: dict[str, Any], folder: Path) -> None:
    """Write the page and the numbers behind it."""
    folder.mkdir(parents=True, exist_ok=True)
    git = subprocess.run(
        ["git", "-C", str(folder), "describe", "--always", "--dirty"],
        capture_output=True,
        text=True,
        check=False,
    )
    stamp = {"commit": git.stdout.strip(), "host_system": platform.platform()}
    text = json.dumps({**result, **stamp}, indent=1)
    (folder / "mapping.json").write_text(text + "\n", encoding="utf-8")
    page = [*sections(result), "", f"Made by benchmarks/mapping.py at commit {stamp['commit']}."]
    (folder / "mapping.md").write_text("\n".join(page) + "\n", encoding="utf-8")
    print(f"written to {folder}")
