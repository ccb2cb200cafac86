"""Stacks are those of the reader that all rooms use; what is missing is NaN and is said."""

import zipfile

import nibabel
import numpy as np
import pydicom
import pytest

from qiqa.io import load, read
from qiqa.io.scan.stack import load_stack


@pytest.fixture
def stacked(scan):
    """Return a function from a folder with one series to its stack and observations by code."""

    def run(folder):
        (facts,) = scan(folder)[0].values()
        stack, seen = load_stack(facts, folder)
        return stack, {one.code: one for one in seen}

    return run


def plane(number, low=0, high=4000):
    rng = np.random.default_rng(number)
    return rng.integers(low, high, (5, 7), dtype=np.int64).astype(np.uint16)


def series_of(make, n=6, **attributes):
    return [make(2.5 * i, i, pixels=plane(i), **attributes) for i in range(n)]


# --- equal to the other reader ---------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "folder",
    [
        "phantoms/acr_large/GE",
        "phantoms/acr_large/Siemens_Aera_1.5T_T1",
        "phantoms/acr_large/PhilipsAchieva",
        "phantoms/acr_large/Siemens_Sola_1.5T_T1",
        "phantoms/acr_medium/Raigmore_ACR_MRI1_Test_Data/ACR_Ax_DWI",
        "phantoms/misc/uniformity",
        "phantoms/diffusion/03001_ep2d_diff_1_TRACEW",
        "vendors/dcm_qa_canon/In",
        "vendors/dcm_qa_ge/In",
        "vendors/dcm_qa_mosaic/In",
    ],
)
def test_stacks_are_those_of_load(scans, scan, folder):
    root = scans / folder
    series, _ = scan(root)
    for uid, facts in series.items():
        stack, seen = load_stack(facts, root)
        headers = [h for h in read(root).headers if h.series_uid == uid]
        header = max(headers, key=lambda h: (h.shape[2] * h.shape[3], h.key))
        other = load(header, rescaled=True)
        assert np.array_equal(stack.signal, other.signal)
        assert np.allclose(stack.affine, header.affine, atol=1e-9)
        if other.stored_range is not None:
            assert stack.stored_range == other.stored_range
        assert stack.quantization == other.quantization
        assert seen == ()


@pytest.mark.parametrize("bits", [8, 16, 32])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("big", [False, True])
def test_every_plain_type(make, save, stacked, bits, signed, big):
    kind = f"{'>' if big else '<'}{'i' if signed else 'u'}{bits // 8}"
    values = np.arange(24).reshape(4, 6) - (12 if signed else 0)
    datasets = []
    for i in range(3):
        ds = make(5.0 * i, i, RescaleSlope=0.5, RescaleIntercept=-3)
        ds.BitsAllocated = ds.BitsStored = bits
        ds.HighBit, ds.PixelRepresentation = bits - 1, int(signed)
        ds.PixelData = values.astype(kind).tobytes()
        ds["PixelData"].VR = "OW" if bits > 8 else "OB"
        if big:
            ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.2"
        datasets.append(ds)
    stack, seen = stacked(save(datasets))
    assert seen == {}
    assert stack.signal.dtype == np.float32
    assert np.array_equal(stack.signal[:, :, 1, 0], (values * 0.5 - 3).T.astype(np.float32))
    low = -(2 ** (bits - 1)) if signed else 0
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    assert stack.stored_range == (low * 0.5 - 3, high * 0.5 - 3)
    assert stack.quantization == 0.5


@pytest.mark.parametrize("signed", [False, True])
def test_unused_bits_do_not_count(make, save, stacked, signed):
    values = np.arange(24, dtype=np.int16).reshape(4, 6) - (12 if signed else 0)
    stored = (values & 0x0FFF) | np.int16(0x3000)  # an overlay in the bits above
    ds = make(pixels=stored.astype(np.uint16), PixelRepresentation=int(signed))
    ds.BitsStored, ds.HighBit = 12, 11
    stack, _ = stacked(save([ds]))
    assert np.array_equal(stack.signal[:, :, 0, 0], values.T)
    assert stack.stored_range == ((-2048.0, 2047.0) if signed else (0.0, 4095.0))


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1.99"])
def test_packed_pixels(make, save, stacked, syntax):
    datasets = series_of(make, 3)
    for ds in datasets:
        if syntax.endswith("99"):
            ds.file_meta.TransferSyntaxUID = syntax
        else:
            ds.compress(syntax, encoding_plugin="pydicom", generate_instance_uid=False)
    stack, seen = stacked(save(datasets))
    assert seen == {}
    assert np.array_equal(stack.signal[:, :, 1, 0], plane(1).T)


def test_members_of_an_archive(make, save, stacked, tmp_path):
    folder = save(series_of(make), "loose")
    (tmp_path / "packed").mkdir()
    with zipfile.ZipFile(tmp_path / "packed" / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.iterdir():
            archive.write(path, f"f/{path.name}")
    loose, packed = stacked(folder)[0], stacked(tmp_path / "packed")[0]
    assert np.array_equal(loose.signal, packed.signal)


def test_nifti(tmp_path, scan):
    values = np.arange(4 * 5 * 6).reshape(4, 5, 6).astype(np.int16)
    image = nibabel.Nifti1Image(values, np.diag([2.0, 2.0, 3.0, 1.0]))
    nibabel.save(image, tmp_path / "x.nii.gz")
    (facts,) = scan(tmp_path)[0].values()
    stack, seen = load_stack(facts, tmp_path)
    assert seen == ()
    assert np.array_equal(stack.signal[..., 0], values)
    assert stack.voxel_mm == (2.0, 2.0, 3.0)


def test_each_nifti_of_an_archive_is_itself(tmp_path, scan):
    for name, size in (("a", 3), ("b", 6)):
        image = nibabel.Nifti1Image(np.full((4, 5, size), size, np.int16), np.eye(4))
        nibabel.save(image, tmp_path / f"{name}.nii")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for name in ("a.nii", "b.nii"):
            archive.write(tmp_path / name, f"f/{name}")
            (tmp_path / name).unlink()
    series, _ = scan(tmp_path)
    assert sorted(series) == ["nifti:set.zip: f/a.nii", "nifti:set.zip: f/b.nii"]
    for facts, size in zip(series.values(), (3, 6), strict=True):
        stack, seen = load_stack(facts, tmp_path)
        assert seen == ()
        assert stack.signal.shape == (4, 5, size, 1)
        assert np.all(stack.signal == size)


# --- order and geometry ----------------------------------------------------------------------


def test_volumes_are_in_the_order_of_their_axis(make, save, stacked):
    datasets = [
        make(4.0 * k, 10 * k + n, pixels=plane(10 * k + n), EchoTime=te)
        for k in range(3)
        for n, te in enumerate((30, 10, 20))
    ]
    stack, seen = stacked(save(datasets))
    assert seen == {}
    assert stack.signal.shape == (7, 5, 3, 3)
    for k in range(3):
        for n, which in enumerate((1, 2, 0)):
            assert np.array_equal(stack.signal[:, :, k, n], plane(10 * k + which).T)


def test_repeats_are_in_the_order_of_their_numbers(make, save, stacked):
    datasets = [
        make(4.0 * k, 3 * n + k, pixels=plane(3 * n + k)) for n in range(4) for k in range(3)
    ]
    stack, seen = stacked(save(datasets))
    assert stack.signal.shape == (7, 5, 3, 4)
    assert seen == {}
    assert all(
        np.array_equal(stack.signal[:, :, k, n], plane(3 * n + k).T)
        for n in range(4)
        for k in range(3)
    )


def test_an_axis_that_differs_from_slice_to_slice_makes_no_volumes(make, save, stacked):
    datasets = [make(4.0 * k, k, pixels=plane(k), EchoTime=20 + 0.01 * k) for k in range(5)]
    stack, seen = stacked(save(datasets))
    assert stack.signal.shape == (7, 5, 5, 1)
    assert seen == {}


def test_the_affine_leads_to_positions(make, save, stacked):
    a = np.deg2rad(20)
    orientation = [np.cos(a), np.sin(a), 0, 0, 0, -1]
    normal = np.cross(orientation[:3], orientation[3:])
    datasets = []
    for i in range(4):
        ds = make(i, i, pixels=plane(i), ImageOrientationPatient=[round(v, 8) for v in orientation])
        ds.ImagePositionPatient = [round(v, 6) for v in np.array([10, -20, 30]) + 3.0 * i * normal]
        ds.PixelSpacing = [0.5, 0.75]
        datasets.append(ds)
    stack, _ = stacked(save(datasets[::-1]))
    assert np.allclose(stack.voxel_mm, (0.75, 0.5, 3.0), atol=1e-5)
    assert np.allclose(stack.affine[:3, 3], (-10, 20, 30), atol=1e-5)
    assert np.allclose(stack.affine[:3, 0], 0.75 * np.array([-np.cos(a), -np.sin(a), 0]), atol=1e-5)
    assert np.array_equal(stack.signal[:, :, 2, 0], plane(2).T)


def test_a_single_slice_is_as_thick_as_it_says(make, save, stacked):
    stack, _ = stacked(save([make(SliceThickness=7)]))
    assert stack.voxel_mm == (1.0, 1.0, 7.0)


# --- what is not right -----------------------------------------------------------------------


def test_a_short_file_is_a_slice_of_nan(make, save, scan, codes):
    folder = save(series_of(make))
    path = sorted(folder.iterdir())[2]
    path.write_bytes(path.read_bytes()[:-4])
    (facts,) = scan(folder)[0].values()
    assert codes(facts)["truncated"].value == 1
    stack, seen = load_stack(facts, folder)
    assert stack.signal.shape == (7, 5, 6, 1)
    assert np.isnan(stack.signal).all(axis=(0, 1, 3)).sum() == 1
    assert not np.isnan(stack.signal).any(axis=(0, 1, 3))[:1].any()
    assert seen == ()


@pytest.mark.parametrize("gone", [1, 2])
def test_missing_slices_are_counted_and_nan(make, save, stacked, gone):
    datasets = [make(2.5 * i, i, pixels=plane(i)) for i in range(9) if not 3 <= i < 3 + gone]
    stack, seen = stacked(save(datasets))
    assert seen["stack_incomplete"].value == gone
    assert stack.signal.shape == (7, 5, 9, 1)
    assert np.isnan(stack.signal[:, :, 3 : 3 + gone]).all()
    assert stack.voxel_mm[2] == pytest.approx(2.5)


def test_a_volume_that_lacks_slices(make, save, stacked):
    datasets = [
        make(4.0 * k, 9 * n + k, pixels=plane(9 * n + k), EchoTime=10 + n)
        for n in range(3)
        for k in range(5)
        if (n, k) not in {(2, 4), (1, 0)}
    ]
    stack, seen = stacked(save(datasets))
    assert seen["stack_incomplete"].value == 2
    assert np.isnan(stack.signal[:, :, 4, 2]).all()
    assert np.isnan(stack.signal[:, :, 0, 1]).all()
    assert np.isnan(stack.signal).sum() == 2 * 35


def test_other_images_are_left_out_and_counted(make, save, stacked):
    scout = make(0, 50, pixels=plane(50), ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    small = make(0, 51, pixels=plane(51)[:3])
    far = make(500.0, 52, pixels=plane(52))
    stack, seen = stacked(save([*series_of(make), scout, small, far]))
    assert stack.left_out == 3
    assert seen["several_stacks"].value == 3
    assert stack.signal.shape == (7, 5, 6, 1)


def test_magnitude_and_phase_do_not_share_a_stack(make, save, stacked):
    phase = [make(2.5 * i, 100 + i, pixels=plane(100 + i), ImageType=["ORIGINAL", "PRIMARY", "P"])
             for i in range(5)]  # fmt: skip
    stack, seen = stacked(save([*series_of(make), *phase]))
    assert stack.signal.shape == (7, 5, 6, 1)
    assert np.array_equal(stack.signal[:, :, 2, 0], plane(2).T)
    assert seen["several_stacks"].value == 5


def test_files_that_went_since_the_scan(make, save, scan):
    folder = save(series_of(make))
    (facts,) = scan(folder)[0].values()
    paths = sorted(folder.iterdir())
    paths[1].unlink()
    paths[3].write_bytes(paths[3].read_bytes()[:-10])
    stack, seen = load_stack(facts, folder)
    assert [(one.code, one.value) for one in seen] == [("pixels_unreadable", 2.0)]
    assert np.isnan(stack.signal).sum() == 2 * 35
    for path in folder.iterdir():
        path.unlink()
    stack, seen = load_stack(facts, folder)
    assert stack is None
    assert seen[0].value == 6


def test_images_without_a_place(make, save, stacked):
    ds = make(SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    del ds.ImagePositionPatient
    stack, seen = stacked(save([ds]))
    assert stack is None
    assert list(seen) == ["no_stack"]


@pytest.mark.parametrize(
    "change",
    [
        {"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]},
        {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
        {"PixelSpacing": [0, 1]},
        {"Rows": 0},
        {"ImagePositionPatient": [1e300, 0, 0]},
        {"BitsStored": 99, "HighBit": 77},
        {"RescaleSlope": 0},
        {"RescaleSlope": "1e300"},
    ],
)
def test_hostile_values_do_not_raise(make, save, scan, change):
    with pydicom.config.disable_value_validation():
        folder = save([make(i, i, **change) for i in range(3)])
        series, _ = scan(folder)
    for facts in series.values():
        stack, seen = load_stack(facts, folder)
        assert stack is not None or seen


@pytest.mark.parametrize("n_damaged", [1, 3, 5])
@pytest.mark.parametrize("cut", [False, True])
def test_damaged_compressed_pixels(make, save, scan, codes, n_damaged, cut):
    folder = save(series_of(make, 7))
    for index, path in enumerate(sorted(folder.iterdir())):
        ds = pydicom.dcmread(path)
        ds.compress("1.2.840.10008.1.2.5", encoding_plugin="pydicom", generate_instance_uid=False)
        ds.save_as(path)
        data = bytearray(path.read_bytes())
        if index < n_damaged:
            at = data.index(b"\xfe\xff\x00\xe0", data.index(b"\xe0\x7f\x10\x00") + 20)
            data[at + 8 : at + 72] = bytes(64)  # the segments of the first frame
            path.write_bytes(data[: at + 40] if cut else data)
    (facts,) = scan(folder)[0].values()
    stack, seen = load_stack(facts, folder)
    if cut:
        assert codes(facts)["truncated"].value == n_damaged
    if n_damaged < 5 or cut:
        assert not np.isnan(stack.signal).any()
        assert stack.left_out == n_damaged
        assert {one.code: one.value for one in seen}.get("pixels_unreadable", 0) == (
            0 if cut else n_damaged
        )
    else:
        assert stack is None
        assert seen[0].code == "pixels_unreadable"


def test_a_large_stack_is_refused_before_it_is_allocated(make, save, scan, monkeypatch):
    from qiqa.io.scan import stack as module

    monkeypatch.setattr(module, "_LARGEST", 100)
    folder = save(series_of(make))
    (facts,) = scan(folder)[0].values()
    stack, seen = load_stack(facts, folder)
    assert stack is None
    assert "takes more than 100 bytes" in seen[0].evidence


def test_a_slice_sent_twice_is_no_second_volume(make, save, stacked):
    datasets = [make(2.5 * i, i, pixels=plane(i)) for i in range(8)]
    datasets.append(make(7.5, 20, pixels=plane(3)))
    stack, seen = stacked(save(datasets))
    assert stack.signal.shape == (7, 5, 8, 1)
    assert "stack_incomplete" not in seen
    assert seen["several_stacks"].value == 1


def test_holes_are_found_where_half_of_the_steps_are_double_ones(make, save, stacked):
    datasets = [make(2.5 * i, i, pixels=plane(i)) for i in range(7) if i not in {2, 4}]
    stack, seen = stacked(save(datasets))
    assert seen["stack_incomplete"].value == 2
    assert stack.signal.shape == (7, 5, 7, 1)
