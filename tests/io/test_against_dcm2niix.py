"""Geometry, slice order, volumes and gradient directions against an independent converter.

Every voxel of the converter's volume is looked up through both affines: this checks position,
orientation, handedness, slice order and pixels at once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.series import SeriesHeader
from qiqa.io import load, read


def _program() -> str | None:
    beside = Path(sys.executable).parent / "dcm2niix"
    return str(beside) if beside.exists() else shutil.which("dcm2niix")


@pytest.fixture
def data() -> Path:
    root = os.environ.get("QIQA_REAL_DATA")
    if not root:
        pytest.skip("QIQA_REAL_DATA is not set")
    if _program() is None:
        pytest.skip("dcm2niix is not installed")
    return Path(root)


def _convert(folder: Path, out: Path) -> list[Path]:
    program = _program()
    assert program is not None
    subprocess.run(
        [program, "-b", "y", "-z", "n", "-f", "%s_%p_%e", "-o", str(out), str(folder)],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return sorted(out.glob("*.nii"))


def _look_up(header: SeriesHeader, affine: np.ndarray) -> np.ndarray:
    """Return the converter's voxel of each of ours, as integers, shape (3, voxels)."""
    grid = np.indices(header.shape[:3]).reshape(3, -1)
    points = header.affine[:3, :3] @ grid + header.affine[:3, 3:]
    inverse = np.linalg.inv(affine)
    there = inverse[:3, :3] @ points + inverse[:3, 3:]
    whole = np.rint(there)
    # headers print positions with two to five decimals: within a thousandth of a voxel or so
    assert np.abs(there - whole).max() < 0.01
    return whole.astype(int)


def _world_directions(path: Path, affine: np.ndarray) -> np.ndarray:
    """Return directions in RAS from an FSL bvec file (image axes, x turned when det > 0)."""
    vectors = np.loadtxt(path.with_suffix(".bvec"))
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if np.linalg.det(axes) > 0:
        vectors = vectors * np.array([[-1.0], [1.0], [1.0]])
    return (axes @ vectors).T


@pytest.mark.parametrize(
    ("folder", "volumes"),
    [
        ("phantoms/acr_large/GE", 1),
        ("phantoms/acr_large/PhilipsAchieva", 1),
        ("phantoms/acr_large/Siemens_Sola_1.5T_T1", 1),
        ("phantoms/acr_large/GE_Signa_1.5T_Sagittal_Localizer", 1),
        ("vendors/dcm_qa_mosaic/In", 2),
        ("vendors/dcm_qa_uih/In", 17),
        ("vendors/dcm_qa_enh/In/Siemens", 4),
        ("vendors/dcm_qa_xa30/In/25_asl_2d_tra", 1),
        ("vendors/dcm_qa_xa30/In/10_DWI_dir80_PA", 4),
        ("vendors/dcm_qa_ge/In/01_Ax_DWI_TENSOR_R2", 7),
        ("vendors/dcm_qa_ge/In/02_Ax_DWI_TENSOR_R3", 7),
        ("vendors/dcm_qa_canon/In", 5),
    ],
)
def test_voxels_lie_where_the_converter_puts_them(
    data: Path, tmp_path: Path, folder: str, volumes: int
) -> None:
    import nibabel as nib

    contents = read(data / folder)
    (header,) = contents.headers
    (path,) = _convert(data / folder, tmp_path)
    image = nib.load(path)
    theirs = np.asarray(image.dataobj, dtype=np.float32).reshape(*image.shape[:3], -1)
    series = load(header)
    assert header.shape[3] == volumes
    i, j, k = _look_up(header, image.affine)
    ours = series.signal.reshape(-1, volumes)
    order = range(volumes)
    if header.encoding.name == "b_value":
        order = _match_directions(header, path, image.affine)
    seen = theirs[i, j, k][:, list(order)].reshape(*header.shape[:3], volumes).reshape(-1, volumes)
    if series.scale == "philips_fp":
        scale = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        ours = ours * scale["PhilipsScaleSlope"] * scale["PhilipsRescaleSlope"]
    assert np.allclose(ours, seen, rtol=1e-5, atol=1e-3)


def _match_directions(header: SeriesHeader, path: Path, affine: np.ndarray) -> list[int]:
    """Return the converter's volume for each of ours; directions agree up to their sign."""
    values = np.loadtxt(path.with_suffix(".bval")).ravel()
    world = _world_directions(path, affine)
    directions = header.encoding.directions or ((0.0, 0.0, 0.0),) * header.shape[3]
    found: list[int] = []
    for value, direction in zip(header.encoding.values, directions, strict=True):
        b_fits = np.abs(values - value) <= max(2.0, 0.08 * value)
        same = np.abs(world @ np.array(direction)) if value > 50 else np.ones(len(values))
        same[[n for n in range(len(values)) if n in found or not b_fits[n]]] = -1.0
        best = int(np.argmax(same))
        assert same[best] > 0.999, (value, direction)
        found.append(best)
    return found
