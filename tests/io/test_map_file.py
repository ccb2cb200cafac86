"""Maps of numbers written as NIfTI: what an independent reader finds in them."""

import json

import nibabel
import numpy as np
import pytest

from qiqa.core.errors import OutputError, UsageError
from qiqa.io.map_file import write_map
from qiqa.io.read_map import read_map

AFFINE = np.array([[-2, 0, 0, 10], [0, 2, 0, -20], [0, 0, 5, 30], [0, 0, 0, 1.0]])
VALUES = np.arange(24.0).reshape(2, 3, 4)
VALUES[0, 0, 0] = np.nan


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII.GZ"])
def test_there_and_back(tmp_path, name):
    write_map(tmp_path / name, VALUES, AFFINE, "mm²/s")
    image = nibabel.load(tmp_path / name)
    assert np.array_equal(image.get_fdata(), VALUES, equal_nan=True)
    assert np.array_equal(image.affine, AFFINE)
    assert image.header.get_xyzt_units()[0] == "mm"
    sidecar = tmp_path / f"{name[0]}.json"
    assert json.loads(sidecar.read_text(encoding="utf-8")) == {"Units": "mm²/s"}


def test_our_own_reader_finds_the_values_where_they_lie(tmp_path):
    write_map(tmp_path / "a.nii.gz", VALUES, AFFINE, "mm²/s")
    values, affine, unit = read_map(tmp_path / "a.nii.gz")
    assert unit == "mm²/s"
    for i, j, k in np.argwhere(np.isfinite(values)):
        place = np.linalg.inv(AFFINE) @ affine @ (i, j, k, 1)
        assert values[i, j, k] == VALUES[tuple(np.rint(place[:3]).astype(int))]


def test_without_a_unit_there_is_no_sidecar(tmp_path):
    write_map(tmp_path / "a.nii", VALUES, AFFINE, None)
    assert [p.name for p in tmp_path.iterdir()] == ["a.nii"]


def test_other_names_and_places_are_refused(tmp_path):
    with pytest.raises(UsageError, match=r"does not end in .nii"):
        write_map(tmp_path / "a.img", VALUES, AFFINE, None)
    with pytest.raises(OutputError):
        write_map(tmp_path / "none" / "a.nii", VALUES, AFFINE, None)
    assert not list(tmp_path.iterdir())
