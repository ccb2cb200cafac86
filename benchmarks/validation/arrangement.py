"""Arrangements on simulated exams: are inserts found and named, and do intervals cover the truth.

    python benchmarks/validation/arrangement.py --poses 1000 --sessions 500 --write

Poses: plates turned by any angle, tilted up to 3 degrees, turned over in half of the exams, shifted
by up to 15 mm, at SNR 30, 60 and 120 in turn. Two plates of the system phantom are one exam; one
of them alone has to stay unresolved. Sessions: the whole walk from series to values; counted is how
often the 95 % interval holds the true value. Simulator and estimators share no code. `--reduced`
runs a few of each and fails where one is wrong.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
SNRS = (30.0, 60.0, 120.0)
SEED = 20261128


def pose_of(rng: np.random.Generator, kind: str) -> dict[str, Any]:
    """Return a random placing: any turn in the plane, a small tilt, either side up."""
    tilt = rng.uniform(-3, 3, 2)
    over = 180.0 * float(rng.integers(2))
    turn = float(rng.uniform(0, 360))
    if kind == "system":  # plates are coronal
        angles = (float(tilt[0]), turn, float(tilt[1]) + over)
    else:  # tubes run along z
        angles = (float(tilt[0]) + over, float(tilt[1]), turn)
    return {
        "rotation_deg": angles,
        "translation_mm": tuple(float(x) for x in rng.uniform(-15, 15, 3)),
        "gradient_error_percent": tuple(float(x) for x in rng.uniform(-1, 1, 3)),
    }


def pulses(rng: np.random.Generator) -> dict[str, Any]:
    """Return pulses that the fit does not know, two of three of another family than it fits."""
    window = ("hann", "hamming", "gauss")[rng.integers(3)]
    bell = window == "gauss"  # its bandwidth is that of 2.1
    return {
        "b1": float(rng.uniform(0.85, 1.05)),
        "pulse_window": window,
        "excitation_time_bandwidth": 2.1 if bell else float(rng.uniform(2.0, 4.0)),
        "refocusing_time_bandwidth": 2.1 if bell else float(rng.uniform(2.0, 7.0)),
        "refocusing_width": float(rng.uniform(1.0, 1.5)),
    }


def exam(kind: str, seed: int, snr: float, **more: Any) -> list[Any]:
    """Return the simulated series of one exam."""
    from qiqa.io.definitions import load_phantom
    from qiqa.simulate.arrangement import simulate_arrangement
    from qiqa.simulate.arrangement_spec import ArrangementSpec

    rng = np.random.default_rng([SEED, seed])
    place = pose_of(rng, kind)
    study = (f"2.25.{SEED}{seed}1", f"2.25.{SEED}{seed}2")
    if kind == "system":
        phantom = load_phantom("nist_system")
        common = {"serial": "130-0200", "fov_mm": 240.0, "snr": snr, **place}
        echoes = more.get("n_echoes", 8)
        specs = [
            ArrangementSpec(kind="ir", group="T1", **common),
            ArrangementSpec(kind="mse", group="T2", n_echoes=echoes, **pulses(rng), **common),
        ]  # fmt: skip
    else:
        phantom = load_phantom("qiba_diffusion")
        specs = [
            ArrangementSpec(
                kind="dwi", serial="128-0155", temperature_degc=0.0, matrix=128, fov_mm=220.0,
                b_values=(0.0, 500.0, 1000.0, 2000.0), n_slices=5, thickness_mm=5.0, snr=snr,
                **place,
            )
        ]  # fmt: skip
    return [simulate_arrangement(phantom, spec, rng, study=study) for spec in specs]


def named_right(simulated: Any, pose: Any) -> bool:
    """Say whether every label lies on its own insert."""
    size = np.array(simulated.series.header.voxel_size_mm)
    for insert in pose.inserts:
        true = simulated.truth.insert(insert.label).center_voxel
        off = (np.array(insert.center_voxel) - np.array(true))[:2] * size[:2]
        if np.hypot(*off) > 4.0:
            return False
    return bool(pose.inserts)


def outcome(kind: str, seed: int, snr: float) -> str:
    """Return how locating one exam ended: right, refused, open or wrong."""
    from qiqa.core.errors import LocateError
    from qiqa.io.definitions import load_phantom
    from qiqa.locate import locate_together

    simulated = exam(kind, seed, snr)
    name = "nist_system" if kind == "system" else "qiba_diffusion"
    other = "qiba_diffusion" if kind == "system" else "nist_system"
    series = [item.series for item in simulated]
    if not all(isinstance(p, LocateError) for p in locate_together(series, load_phantom(other))):
        return "wrong phantom"
    poses = locate_together(series, load_phantom(name))
    if any(isinstance(pose, LocateError) for pose in poses):
        return "refused"
    if any(pose.labels == "unresolved" for pose in poses):
        return "open"
    right = all(named_right(s, p) for s, p in zip(simulated, poses, strict=True))
    return "right" if right else "WRONG"


def alone(seed: int, snr: float) -> str:
    """Return how one plate without landmarks of another ended: it must not be named."""
    from qiqa.core.errors import LocateError
    from qiqa.io.definitions import load_phantom
    from qiqa.locate import locate_together

    (pose,) = locate_together([exam("system", seed, snr)[0].series], load_phantom("nist_system"))
    if isinstance(pose, LocateError):
        return "refused"
    return "open" if pose.labels == "unresolved" else "WRONG: named"


def session(kind: str, seed: int, snr: float) -> list[tuple[str, str, float, float, float, bool]]:
    """Return (quantity, insert, true, value, u, covered) of every value of one session."""
    from qiqa.io.definitions import load_phantom, load_protocol
    from qiqa.measure import Conditions, measure
    from qiqa.workflows.mapping_inserts import mapped_views

    simulated = exam(kind, seed, snr, n_echoes=32)
    name = "nist_system" if kind == "system" else "qiba_diffusion"
    phantom, protocol = load_phantom(name), load_protocol(name)
    serial, degc = ("130-0200", 20.0) if kind == "system" else ("128-0155", 0.0)
    known = Conditions(serial=serial, temperature_degc=degc, field_strength_t=3.0)
    views, _, _ = mapped_views([s.series for s in simulated], phantom, protocol, known)
    found = []
    for view in views:
        truth = next(s.truth for s in simulated if s.series is view.series)
        for out in measure(view, ("insert_values",), tuple(views)):
            for m in out.measurements:
                if not m.measured or m.insert is None or m.interval is None:
                    continue
                if not m.insert.startswith({"t1": "T1", "t2": "T2", "adc": "PVP"}[m.quantity]):
                    continue
                filling = truth.insert(m.insert).filling
                true = {"t1": filling.t1_ms, "t2": filling.t2_ms,
                        "adc": filling.adc_mm2_per_s}[m.quantity]  # fmt: skip
                covered = m.interval.low <= true <= m.interval.high
                found.append((m.quantity, m.insert, true, m.value, m.standard_uncertainty, covered))
    return found


def study_poses(count: int) -> dict[str, Any]:
    """Return how often each outcome occurred, by phantom and SNR."""
    result: dict[str, Any] = {}
    for kind in ("system", "diffusion"):
        tally: dict[str, Counter[str]] = {f"{snr:g}": Counter() for snr in SNRS}
        began = time.perf_counter()
        for seed in range(count):
            snr = SNRS[seed % len(SNRS)]
            tally[f"{snr:g}"][outcome(kind, seed, snr)] += 1
        result[kind] = {k: dict(v) for k, v in tally.items()}
        print(kind, result[kind], f"{time.perf_counter() - began:.0f} s", flush=True)
    single = Counter(alone(seed, SNRS[seed % 3]) for seed in range(max(count // 5, 3)))
    result["one plate alone"] = dict(single)
    print("one plate alone", dict(single), flush=True)
    return result


def study_sessions(count: int) -> list[dict[str, Any]]:
    """Return coverage of 95 % intervals by quantity and range of the true value."""
    rows: dict[str, list[tuple[float, float, float, bool]]] = {}
    for kind in ("system", "diffusion"):
        began = time.perf_counter()
        for seed in range(count):
            for quantity, insert, true, value, u, covered in session(
                kind, 100_000 + seed, SNRS[seed % len(SNRS)]
            ):
                rows.setdefault(f"{quantity} {insert}", []).append((true, value, u, covered))
        print(kind, "sessions", f"{time.perf_counter() - began:.0f} s", flush=True)
    found = []
    for name, values in rows.items():
        true, value, u, covered = (np.array(column) for column in zip(*values, strict=True))
        error = value / true - 1
        found.append(
            {
                "name": name,
                "true": float(true[0]),
                "n": len(values),
                "bias_percent": 100 * float(error.mean()),
                "sd_percent": 100 * float(error.std(ddof=1)) if len(values) > 1 else math.nan,
                "mean_u_percent": 100 * float((u / value).mean()),
                "coverage_percent": 100 * float(covered.mean()),
            }
        )
    return found


_PLACED = (
    "Any turn in the plane, tilt up to 3°, half of the exams turned over, shifts up to 15 mm, "
    "gradient errors up to 1 %. System phantom: the NiCl2 plate by inversion recovery and the "
    "MnCl2 plate by echoes; diffusion phantom: five slices across the vials. Each exam is also "
    "looked at for the other phantom, which must be refused."
)
_TRAINS = (
    "SNR 30, 60 and 120 in turn. T2: B1 0.85 to 1.05, a refocused slice of 1.0 to 1.5 times the "
    "excited one, time-bandwidth products of 2 to 4 and 2 to 7, windowed by Hann, Hamming "
    "or Gaussian in equal parts; the fit knows none of it and takes Hann for granted."
)


def _made(stamp: dict[str, Any]) -> str:
    before = "".join(
        f" {part.capitalize()}: {old['date']}, commit {old['commit']}."
        for part in ("poses", "sessions")
        if (old := stamp.get(f"{part} of"))
    )
    return (
        f"{stamp['date']}, commit {stamp['commit']}, seed {stamp['seed']}, "
        f"`benchmarks/validation/arrangement.py`, {stamp['seconds']} s.{before}"
    )


def report(poses: dict[str, Any], rows: list[dict[str, Any]], stamp: dict[str, Any]) -> None:
    """Write docs/validation/arrangement.md and .json."""
    from _evidence import table, write

    lines = [
        "# Spheres and vials on simulated exams", "",
        _made(stamp), "",
        _PLACED, "",
        "## Found and named", "",
        *table(("phantom", "SNR", "outcome: number of exams"),
               [(kind, snr, ", ".join(f"{k}: {v}" for k, v in sorted(counts.items())))
                for kind, by in poses.items() if kind != "one plate alone"
                for snr, counts in by.items()]), "",
        "One plate alone, which two ways of placing fit (it must stay open): "
        + ", ".join(f"{k}: {v}" for k, v in poses["one plate alone"].items()), "",
        "## Values: does the 95 % interval hold the truth", "",
        _TRAINS, "",
        *table(("value", "true", "n", "bias %", "SD %", "mean u %", "coverage %"),
               [(r["name"], f"{r['true']:.4g}", str(r["n"]), f"{r['bias_percent']:+.2f}",
                 f"{r['sd_percent']:.2f}", f"{r['mean_u_percent']:.2f}",
                 f"{r['coverage_percent']:.1f}") for r in rows]),
    ]  # fmt: skip
    write("arrangement", lines, {"stamp": stamp, "poses": poses, "values": rows})


def _read(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows as they were before JSON, which has no NaN."""
    return [{k: math.nan if v is None else v for k, v in row.items()} for row in rows]


def main() -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--poses", type=int, default=1000, help="0 keeps the table that is there")
    parser.add_argument("--sessions", type=int, default=500, help="likewise")
    parser.add_argument("--reduced", action="store_true", help="12 poses and 3 sessions")
    parser.add_argument("--write", action="store_true", help="write docs/validation")
    options = parser.parse_args()
    if options.reduced:
        options.poses, options.sessions = 12, 3
    from _evidence import stamp

    began = time.perf_counter()
    kept = json.loads((HERE.parents[1] / "docs/validation/arrangement.json").read_text())
    poses = study_poses(options.poses) if options.poses else kept["poses"]
    rows = study_sessions(options.sessions) if options.sessions else _read(kept["values"])
    for row in rows:
        print({k: round(v, 2) if isinstance(v, float) and k != "true" else v
               for k, v in row.items()})  # fmt: skip
    made = stamp(SEED, time.perf_counter() - began, poses=options.poses, sessions=options.sessions)
    for part, count in (("poses", options.poses), ("sessions", options.sessions)):
        if not count:
            made[part] = kept["stamp"][part]
            made[f"{part} of"] = kept["stamp"].get(f"{part} of") or kept["stamp"]
    if options.write:
        report(poses, rows, made)
    wrong = sum(
        n
        for by in poses.values()
        for counts in (by.values() if isinstance(next(iter(by.values())), dict) else (by,))
        for key, n in counts.items()
        if key.upper().startswith("WRONG")
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
