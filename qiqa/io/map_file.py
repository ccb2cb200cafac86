"""One map of numbers as NIfTI, whole or not at all."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.io.export import write_file

__all__ = ["write_map"]


def write_map(
    path: Path, values: NDArray[np.float64], affine: NDArray[np.float64], unit: str | None
) -> None:
    """Write values (i, j, k) in single precision; the unit goes into a sidecar.

    Raises
    ------
    OutputError
        If it cannot be written; nothing half written is left behind.
    UsageError
        If the name is not that of a NIfTI file.
    """
    name = path.name.lower()
    if not name.endswith((".nii", ".nii.gz")):
        raise UsageError(f"{path.name!r} does not end in .nii or .nii.gz", where=str(path))
    image = nib.Nifti1Image(values.astype(np.float32), affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
    content = image.to_bytes()
    if name.endswith(".gz"):
        content = gzip.compress(content, mtime=0)
    write_file(path, lambda file: file.write(content))
    if unit:
        stem = path.name[: -7 if name.endswith(".gz") else -4]
        sidecar = json.dumps({"Units": unit}, indent=2).encode("utf-8")
        write_file(path.with_name(f"{stem}.json"), lambda file: file.write(sidecar))
