"""Masks and B1 maps lie where they were drawn."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import io_orientation, ornt_transform

from qiqa.core.errors import ReadError
from qiqa.io import load, read
from qiqa.io.read_map import onto, read_map

OBLIQUE = np.array(
    [[-1.9, 0.1, 0.6, 30.0], [0.2, 1.95, 0.4, -20.0], [-0.5, -0.4, 4.9, 10.0], [0, 0, 0, 1]]
)


def _image(path: Path, affine: np.ndarray) -> nib.Nifti1Image:
    values = np.arange(5 * 6 * 3, dtype=np.float32).reshape(5, 6, 3)
    image = nib.Nifti1Image(values, affine)
    image.to_filename(path)
    return image


@pytest.mark.parametrize("flip", [1.0, -1.0])
@pytest.mark.parametrize("axes", ["RAS", "LPS", "SAR", "PIL", "ASL"])
def test_a_copy_with_other_axes_lies_on_the_series(tmp_path: Path, flip: float, axes: str) -> None:
    affine = OBLIQUE @ np.diag([flip, 1, 1, 1])
    image = _image(tmp_path / "a.nii", affine)
    (header,) = read(tmp_path / "a.nii").headers
    # another program stores the same voxels along other axes (nibabel does the turning)
    wanted = nib.orientations.axcodes2ornt(axes)
    turned = image.as_reoriented(ornt_transform(io_orientation(image.affine), wanted))
    turned.to_filename(tmp_path / "b.nii.gz")
    values, placed, units = read_map(tmp_path / "b.nii.gz")
    assert (values.dtype, units) == (np.float64, None)
    assert np.linalg.det(placed[:3, :3]) > 0
    laid = onto(values, placed, header, where="b.nii.gz")
    assert np.array_equal(laid, load(header).signal[..., 0])


def test_a_mask_drawn_on_converted_dicom_fits_the_dicom_series(make, save, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    slices = [rng.integers(0, 99, (4, 6)).astype(np.uint16) for _ in range(3)]
    folder = save([make(5.0 * k, k + 1, pixels=p) for k, p in enumerate(slices)])
    (header,) = read(folder).headers
    # as converters write it: rows from the bottom up, RAS+; the first pixel of the test images
    # lies at (-3, -2, 0) mm in LPS, pixels are 1 mm, slices 5 mm apart
    converted = np.stack([p.T[:, ::-1] for p in slices], axis=-1)
    affine = np.array([[-1.0, 0, 0, 3], [0, 1, 0, 2 - 3], [0, 0, 5, 0], [0, 0, 0, 1]])
    nib.Nifti1Image((converted > 50).astype(np.uint8), affine).to_filename(tmp_path / "m.nii.gz")
    values, placed, _ = read_map(tmp_path / "m.nii.gz")
    mask = onto(values, placed, header, where="m.nii.gz")
    assert np.array_equal(mask > 0, load(header).signal[..., 0] > 50)


def test_scaling_and_unit(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.full((2, 3, 4), 200, np.int16), np.eye(4))
    image.header.set_slope_inter(0.5, 1)
    image.to_filename(tmp_path / "b1.nii")
    (tmp_path / "b1.json").write_text(json.dumps({"Units": "percent"}), encoding="utf-8")
    values, _, units = read_map(tmp_path / "b1.nii")
    assert (values.min(), values.max(), units) == (101, 101, "percent")


@pytest.mark.parametrize(
    "change",
    [
        np.array([[1, 0, 0, 0.02], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
        np.array([[1, 0, 0, 0], [0, 1, 0, 2], [0, 0, 1, 0], [0, 0, 0, 1]]),
        np.diag([1.01, 1, 1, 1]),
        np.array([[0.995, -0.0998, 0, 0], [0.0998, 0.995, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    ],
    ids=["shifted", "by one voxel", "larger", "turned"],
)
def test_a_map_elsewhere_is_refused_with_both_places(tmp_path: Path, change: np.ndarray) -> None:
    _image(tmp_path / "a.nii", OBLIQUE)
    _image(tmp_path / "b.nii", change @ OBLIQUE)
    (header,) = read(tmp_path / "a.nii").headers
    values, placed, _ = read_map(tmp_path / "b.nii")
    with pytest.raises(ReadError, match="does not lie on the voxels") as caught:
        onto(values, placed, header, where="b.nii")
    assert str(caught.value).count("5 x 6 x 3 voxels") == 2


def test_the_same_place_within_rounding_is_taken(tmp_path: Path) -> None:
    _image(tmp_path / "a.nii", OBLIQUE)
    (header,) = read(tmp_path / "a.nii").headers
    moved = OBLIQUE.copy()
    moved[0, 3] += 0.005
    _image(tmp_path / "b.nii", moved)
    values, placed, _ = read_map(tmp_path / "b.nii")
    assert onto(values, placed, header, where="b.nii").shape == (5, 6, 3)


def test_another_size_is_refused(tmp_path: Path) -> None:
    _image(tmp_path / "a.nii", OBLIQUE)
    (header,) = read(tmp_path / "a.nii").headers
    with pytest.raises(ReadError, match="it is 4 x 6 x 3 voxels"):
        onto(np.zeros((4, 6, 3)), header.affine, header, where="b.nii")


def test_what_is_no_map(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no image", encoding="utf-8")
    with pytest.raises(ReadError, match="is no NIfTI image"):
        read_map(tmp_path / "a.txt")
    with pytest.raises(ReadError, match="cannot be read"):
        read_map(tmp_path / "none.nii")
    nib.Nifti1Image(np.zeros((2, 2, 2, 3)), np.eye(4)).to_filename(tmp_path / "b.nii")
    with pytest.raises(ReadError, match="holds 3 volumes"):
        read_map(tmp_path / "b.nii")
