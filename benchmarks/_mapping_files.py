"""End to end: files of an inversion recovery in, files of a T1 map out, by the command line."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from _mapping_cases import IR_TR_MS, Case, Data


def write_bids(folder: Path, case: Case, data: Data, shape: tuple[int, int, int]) -> int:
    """Write one int16 NIfTI and JSON an inversion time, as BIDS `IRT1`; return the bytes."""
    anat = folder / "sub-01" / "anat"
    anat.mkdir(parents=True)
    (folder / "dataset_description.json").write_text(
        json.dumps({"Name": "simulated inversion recovery", "BIDSVersion": "1.9.0"}),
        encoding="utf-8",
    )
    affine = np.diag([-1.0, -1.0, 4.0, 1.0])
    for number, (ti, signal) in enumerate(zip(case.values, data.signal, strict=True), start=1):
        volume = np.rint(signal).astype(np.int16).reshape(shape, order="F")
        stem = anat / f"sub-01_inv-{number}_IRT1"
        nib.save(nib.Nifti1Image(volume, affine), f"{stem}.nii")
        sidecar = {
            "InversionTime": ti / 1000,
            "RepetitionTimeExcitation": IR_TR_MS / 1000,
            "RepetitionTime": IR_TR_MS / 1000,
            "EchoTime": 0.01,
            "FlipAngle": 90,
            "MagneticFieldStrength": 3,
            "Manufacturer": "Siemens",
            "ManufacturersModelName": "simulated",
            "DeviceSerialNumber": "0",
            "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
            "Modality": "MR",
        }
        Path(f"{stem}.json").write_text(json.dumps(sidecar, indent=1), encoding="utf-8")
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def end_to_end(
    case: Case, data: Data, shape: tuple[int, int, int], repeats: int, threads: int
) -> dict[str, Any]:
    """Return the seconds of `qiqa map t1`, files to files, each run a fresh process."""
    times: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in"
        read = write_bids(folder, case, data, shape)
        for number in range(repeats + 1):  # the first fills the caches
            target = Path(name) / f"out{number}"
            command = [sys.executable, "-m", "qiqa", "map", "t1", str(folder)]
            command += ["-o", str(target), "--threads", str(threads), "--no-report"]
            started = time.perf_counter()
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env=dict(os.environ)
            )
            times.append(time.perf_counter() - started)
            if done.returncode:
                words = " ".join((done.stderr or done.stdout).split())
                return {"reason": words[:300] or f"status {done.returncode}"}
        written = [path for path in target.rglob("*") if path.is_file()]
        return {
            "shape": list(shape),
            "inversion_times": len(case.values),
            "threads": threads,
            "bytes_read": read,
            "bytes_written": sum(path.stat().st_size for path in written),
            "files_written": len(written),
            "first_s": times[0],
            "median_s": statistics.median(times[1:]),
            "best_s": min(times[1:]),
        }
