"""Parameter maps as BIDS derivatives: numbers, places, words, and all or nothing."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from qiqa.core.errors import OutputError, UsageError
from qiqa.core.maps import FitStatus, Parameter, ParameterMaps
from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import Encoding, FrameSource, SeriesHeader, SourceFile
from qiqa.io import read
from qiqa.io import whole as whole_module
from qiqa.io.map_sidecars import LEVELS
from qiqa.io.packing import gzipped
from qiqa.io.read_map import onto, read_map
from qiqa.io.write_maps import write_maps

# an oblique stack with voxels of 2 x 1.9 x 5 mm
_AXES = np.linalg.qr(np.array([[-1.0, 0.1, 0.3], [0.1, -1.0, 0.2], [0.3, 0.2, 1.0]]))[0]
AFFINE = np.eye(4)
AFFINE[:3, :3] = _AXES * np.linalg.det(_AXES) @ np.diag([2.0, 1.9, 5.0])
AFFINE[:3, 3] = 30, 20, -10
SHAPE = (4, 5, 3)
SIGNAL = {"unit": "signal"}
MODELS = {
    "t1_inversion_recovery": (
        Parameter(name="t1", unit="ms", bids="T1map", lower=1, upper=10_000),
        Parameter(name="m0", bids="M0map", **SIGNAL),
        Parameter(name="inversion_efficiency", unit="1", bids="inversionefficiency"),
    ),
    "t1_vfa": (
        Parameter(name="t1", unit="ms", bids="T1map"),
        Parameter(name="m0", bids="M0map", **SIGNAL),
    ),
    "t2_offset": (
        Parameter(name="t2", unit="ms", bids="T2map"),
        Parameter(name="s0", bids="S0map", **SIGNAL),
        Parameter(name="offset", bids="S0map", **SIGNAL),
    ),
    "t2star": (
        Parameter(name="t2star", unit="ms", bids="T2starmap"),
        Parameter(name="s0", bids="S0map", **SIGNAL),
    ),
    "adc": (
        Parameter(name="adc", unit="mm²/s", bids="ADC"),
        Parameter(name="s0", bids="S0map", **SIGNAL),
    ),
    "diffusion_tensor": (
        Parameter(name="md", unit="mm²/s", bids="MD"),
        Parameter(name="fa", unit="1", bids="FA"),
        Parameter(name="s0", bids="S0map", **SIGNAL),
    ),
    "b1_double_angle": (
        Parameter(name="b1", unit="1", bids="TB1map"),
        Parameter(name="s0", bids="S0map", **SIGNAL),
    ),
}


def fitted(model: str = "t1_vfa", **changes: Any) -> ParameterMaps:
    """Return maps whose voxel values tell parameter and place; the first voxel has no answer."""
    parameters = MODELS[model]
    count = len(parameters)
    values = np.arange(count * np.prod(SHAPE), dtype=np.float32).reshape(count, *SHAPE) + 800
    values[:, 0, 0, 0] = np.nan
    status = np.full(SHAPE, FitStatus.CONVERGED, np.uint8)
    status[0, 0, 0] = FitStatus.NOISE_FLOOR
    given = {
        "model": model,
        "method": "variable projection",
        "algorithm": "varpro/1",
        "parameters": parameters,
        "estimates": values,
        "standard_errors": values / np.float32(100),
        "residual_sd": values[0] / np.float32(10),
        "n_used": np.full(SHAPE, 7, np.uint16),
        "status": status,
        "affine": AFFINE,
        "n_points": 7,
        "noise_sd": 2.5,
        "noise_source": "given",
        "n_clipped": 3,
        **changes,
    }
    return ParameterMaps(**given)


def imaged(encoding: Encoding, **acquisition: Any) -> SeriesHeader:
    return SeriesHeader(
        series_uid="1.2",
        scanner=Scanner(manufacturer="ACME", model="One", field_strength_t=1.5),
        acquisition=Acquisition(**acquisition),
        affine=AFFINE,
        shape=(*SHAPE, len(encoding.values)),
        encoding=encoding,
        frames=tuple(
            tuple(FrameSource(path=f"/home/mary/{n}") for _ in range(SHAPE[2]))
            for n in range(len(encoding.values))
        ),
        slice_positions_mm=(0.0, 5.0, 10.0),
    )


def _about(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(
    ("model", "name", "parameter", "factor", "unit"),
    [
        ("t1_vfa", "anat/sub-01_T1map", 0, 1e-3, "s"),
        ("t2_offset", "anat/sub-01_T2map", 0, 1e-3, "s"),
        ("t2star", "anat/sub-01_T2starmap", 0, 1e-3, "s"),
        ("adc", "dwi/sub-01_ADC", 0, 1, "mm^2/s"),
        ("b1_double_angle", "fmap/sub-01_TB1map", 0, 100, "percent"),
        ("t1_vfa", "anat/sub-01_desc-T1fit_M0map", 1, 1, "arbitrary"),
        ("t2_offset", "anat/sub-01_desc-T2fit_S0map", 1, 1, "arbitrary"),
        ("t2_offset", "anat/sub-01_desc-T2fitoffset_S0map", 2, 1, "arbitrary"),
        ("adc", "dwi/sub-01_desc-ADCfit_S0map", 1, 1, "arbitrary"),
        ("diffusion_tensor", "dwi/sub-01_desc-MDfitmd_ADC", 0, 1, "mm^2/s"),
        ("diffusion_tensor", "dwi/sub-01_desc-MDfit_FA", 1, 1, "1"),
        ("b1_double_angle", "anat/sub-01_desc-TB1fit_S0map", 1, 1, "arbitrary"),
    ],
)
def test_values_in_the_units_of_bids(
    tmp_path: Path, model: str, name: str, parameter: int, factor: float, unit: str
) -> None:
    maps = fitted(model)
    files = write_maps(maps, tmp_path)
    path = tmp_path / f"sub-01/{name}.nii.gz"
    assert path in files
    image = nib.load(path)
    assert image.get_data_dtype() == np.float32
    expected = maps.estimates[parameter].astype(np.float64) * factor
    assert np.allclose(image.get_fdata(), expected, rtol=1e-6, equal_nan=True)
    assert np.isnan(image.get_fdata()[0, 0, 0])
    assert _about(path.with_name(path.name.replace(".nii.gz", ".json")))["Units"] == unit


def test_standard_errors_residual_points_and_status(tmp_path: Path) -> None:
    maps = fitted()
    write_maps(maps, tmp_path)
    folder = tmp_path / "sub-01/anat"

    def values(name: str) -> np.ndarray:
        return np.asarray(nib.load(folder / f"sub-01_{name}.nii.gz").dataobj)

    errors = maps.standard_errors
    assert errors is not None
    t1_error, m0_error = values("desc-standarderror_T1map"), values("desc-T1fitstandarderror_M0map")
    assert np.allclose(t1_error, errors[0] * 1e-3, equal_nan=True)
    assert np.allclose(m0_error, errors[1], equal_nan=True)
    assert np.array_equal(values("desc-T1fitresidual_S0map"), maps.residual_sd, equal_nan=True)
    assert np.array_equal(values("desc-T1fitpoints_dseg"), maps.n_used)
    status = nib.load(folder / "sub-01_desc-T1fitstatus_dseg.nii.gz")
    assert status.get_data_dtype() == np.uint8
    assert np.array_equal(np.asarray(status.dataobj), maps.status)
    levels = _about(folder / "sub-01_desc-T1fitstatus_dseg.json")["Levels"]
    assert set(levels) == {str(int(s)) for s in FitStatus}
    table = (folder / "sub-01_desc-T1fitstatus_dseg.tsv").read_text(encoding="utf-8").splitlines()
    assert table[0] == "index\tname"
    assert [line.split("\t")[0] for line in table[1:]] == list(levels)


def test_every_status_has_its_own_words() -> None:
    assert list(LEVELS) == list(FitStatus)
    for status, words in LEVELS.items():
        assert words.startswith(status.words)


def test_more_than_255_points(tmp_path: Path) -> None:
    maps = fitted(n_used=np.full(SHAPE, 300, np.uint16))
    write_maps(maps, tmp_path)
    image = nib.load(tmp_path / "sub-01/anat/sub-01_desc-T1fitpoints_dseg.nii.gz")
    assert np.unique(np.asarray(image.dataobj)).tolist() == [300]


def test_covariance_and_estimates_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    covariance = rng.normal(size=(2, 2, *SHAPE)).astype(np.float32)
    write_maps(fitted(covariance=covariance), tmp_path / "a")
    path = tmp_path / "a/sub-01/anat/sub-01_desc-T1fitcovariance_S0map"
    found = nib.load(f"{path}.nii.gz").get_fdata()
    expected = np.stack(
        [covariance[0, 0] * 1e-6, covariance[0, 1] * 1e-3, covariance[1, 1]], axis=-1
    )
    assert np.allclose(found, expected, rtol=1e-5)
    assert _about(Path(f"{path}.json"))["Volumes"][1] == "t1 [s] x m0 [arbitrary]"
    files = write_maps(fitted(standard_errors=None, residual_sd=None), tmp_path / "b")
    names = {f.name for f in files if f.name.endswith(".nii.gz")}
    assert names == {
        "sub-01_T1map.nii.gz",
        "sub-01_desc-T1fit_M0map.nii.gz",
        "sub-01_desc-T1fitpoints_dseg.nii.gz",
        "sub-01_desc-T1fitstatus_dseg.nii.gz",
    }


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_maps_lie_on_the_images(tmp_path: Path, flip: float) -> None:
    affine = AFFINE @ np.diag([flip, 1, 1, 1])
    values = np.arange(np.prod(SHAPE), dtype=np.float32).reshape(SHAPE)
    nib.Nifti1Image(values, affine).to_filename(tmp_path / "in.nii")
    (header,) = read(tmp_path / "in.nii").headers
    laid = onto(*read_map(tmp_path / "in.nii")[:2], header, where="in.nii")
    maps = fitted(
        affine=header.affine, header=header, estimates=np.stack([laid, laid]).astype(np.float32)
    )
    write_maps(maps, tmp_path / "out", entities={"sub": "01"})
    image = nib.load(tmp_path / "out/sub-01/anat/sub-01_desc-T1fit_M0map.nii.gz")
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
    assert np.allclose(image.get_qform(), image.get_sform(), atol=1e-4)
    assert image.header.get_xyzt_units() == ("mm", "sec")
    # the same point of the room has the same value
    for voxel in ((0, 0, 0), (3, 1, 2), (1, 4, 0)):
        world = affine @ [*voxel, 1]
        i, j, k = np.rint(np.linalg.solve(image.affine, world)[:3]).astype(int)
        assert image.get_fdata()[i, j, k] == values[voxel]


def test_a_sheared_grid_has_no_quaternion(tmp_path: Path) -> None:
    sheared = AFFINE.copy()
    sheared[:3, 2] += [0.5, 0, 0]
    write_maps(fitted(affine=sheared), tmp_path)
    image = nib.load(tmp_path / "sub-01/anat/sub-01_T1map.nii.gz")
    assert int(image.header["qform_code"]) == 0
    assert np.allclose(image.affine, sheared, atol=1e-5)


def test_the_sidecar_says_how_and_from_what(tmp_path: Path) -> None:
    encoding = Encoding(name="inversion_time", values=(50.0, 400.0), unit="ms", tr_ms=(1e3, 2e3))
    header = imaged(encoding, te_ms=12.0, ti_ms=50.0, tr_ms=1000.0, flip_angle_deg=90.0)
    provenance = {
        "sources": [SourceFile(path="/home/mary/a.dcm", sha256="ab" * 32)],
        "references": ["Barral 2010", "Golub 1973"],
        "equation": "a + b exp(-TI/T1)",
        "command": "qiqa map t1",
    }
    write_maps(fitted(header=header), tmp_path, provenance=provenance)
    folder = tmp_path / "sub-01/anat"
    about = _about(folder / "sub-01_T1map.json")
    assert about["EstimationAlgorithm"] == "variable projection (varpro/1)"
    assert about["EstimationReference"] == "Barral 2010; Golub 1973"
    assert about["EstimationEquation"] == "a + b exp(-TI/T1)"
    assert about["Inputs"] == [{"Name": "a.dcm", "SHA256": "ab" * 32}]
    assert about["Provenance"] == {"command": "qiqa map t1"}
    assert (about["NoiseSD"], about["PointsLeftOutClipped"]) == (2.5, 3)
    assert about["StatusCounts"] == {"converged": 59, "noise floor": 1}
    assert about["InversionTimes"] == [0.05, 0.4]
    assert about["RepetitionTimes"] == [1.0, 2.0]
    assert (about["EchoTime"], about["FlipAngle"]) == (0.012, 90.0)
    assert "InversionTime" not in about
    assert "mary" not in (folder / "sub-01_T1map.json").read_text(encoding="utf-8")
    other = _about(folder / "sub-01_desc-T1fit_M0map.json")
    assert other["FirstMap"] == "sub-01/anat/sub-01_T1map.nii.gz"
    top = _about(tmp_path / "dataset_description.json")
    assert top["DatasetType"] == "derivative"
    assert top["GeneratedBy"][0]["Name"] == "qiqa"


def test_bounds_are_in_the_unit_of_the_map(tmp_path: Path) -> None:
    write_maps(fitted("t1_inversion_recovery"), tmp_path)
    about = _about(tmp_path / "sub-01/anat/sub-01_T1map.json")
    assert (about["LowerBound"], about["UpperBound"]) == pytest.approx((0.001, 10.0))
    about = _about(tmp_path / "sub-01/anat/sub-01_desc-T1fit_M0map.json")
    assert "LowerBound" not in about  # infinite: there is none


def test_entities_in_the_order_of_bids(tmp_path: Path) -> None:
    files = write_maps(
        fitted(), tmp_path, entities={"run": "2", "acq": "long", "ses": "b", "sub": "x"}
    )
    assert tmp_path / "sub-x/ses-b/anat/sub-x_ses-b_acq-long_run-2_T1map.nii.gz" in files


def test_entities_of_the_images(tmp_path: Path) -> None:
    nib.Nifti1Image(np.zeros(SHAPE, np.int16), AFFINE).to_filename(
        tmp_path / "sub-07_ses-1_acq-fast_flip-1_VFA.nii"
    )
    (header,) = read(tmp_path / "sub-07_ses-1_acq-fast_flip-1_VFA.nii").headers
    files = write_maps(fitted(header=header), tmp_path / "out")
    name = "out/sub-07/ses-1/anat/sub-07_ses-1_acq-fast_T1map.nii.gz"
    assert tmp_path / name in files


@pytest.mark.parametrize(
    ("entities", "message"),
    [
        ({"ses": "1"}, "no subject"),
        ({"sub": "01", "flip": "1"}, "'flip' is no entity"),
        ({"sub": "../x"}, "letters and digits"),
        ({"sub": "a_b"}, "letters and digits"),
        ({"sub": ""}, "letters and digits"),
        ({"sub": "01", "run": "b"}, "allowed are digits"),
    ],
)
def test_entities_that_are_none(tmp_path: Path, entities: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        write_maps(fitted(), tmp_path, entities=entities)
    assert list(tmp_path.iterdir()) == []


def _content(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_a_map_that_is_there_is_kept(tmp_path: Path) -> None:
    write_maps(fitted(), tmp_path)
    before = _content(tmp_path)
    with pytest.raises(OutputError, match=r"T1map\.nii\.gz: exists already"):
        write_maps(fitted("t1_inversion_recovery"), tmp_path)
    assert _content(tmp_path) == before


def test_overwriting_leaves_nothing_of_the_earlier_fit(tmp_path: Path) -> None:
    write_maps(fitted("t2star"), tmp_path)
    write_maps(fitted("t1_inversion_recovery"), tmp_path)
    kept = {k: v for k, v in _content(tmp_path).items() if "T2star" in k}
    files = write_maps(fitted("t1_vfa", standard_errors=None), tmp_path, overwrite=True)
    after = _content(tmp_path)
    assert not [
        name for name in after if "inversionefficiency" in name or "standarderror_T1" in name
    ]
    assert {k: v for k, v in after.items() if "T2star" in k} == kept
    assert {str(f.relative_to(tmp_path)) for f in files} <= after.keys()


def test_another_data_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset_description.json").write_text('{"Name": "study"}', encoding="utf-8")
    with pytest.raises(OutputError, match="not made by qiqa"):
        write_maps(fitted(), tmp_path, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["dataset_description.json"]


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    write_maps(fitted(), tmp_path / "a")
    write_maps(fitted(), tmp_path / "b")
    assert _content(tmp_path / "a") == _content(tmp_path / "b")


class _Refusing:
    """Stands in for writing one file, and fails at the third."""

    def __init__(self, error: BaseException) -> None:
        self.error, self.count, self.write = error, 0, whole_module._write
        self.lock = threading.Lock()

    def __call__(self, path: Path, make: Any) -> None:
        with self.lock:
            self.count += 1
            if self.count == 3:
                raise self.error
        self.write(path, make)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(28, "No space left on device"), OutputError),
        (MemoryError(), MemoryError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["full disk", "no memory", "Ctrl-C"],
)
def test_all_or_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    raised: type[BaseException],
) -> None:
    monkeypatch.setattr(whole_module, "_write", _Refusing(error))
    with pytest.raises(raised):
        write_maps(fitted(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_all_or_nothing_beside_earlier_maps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_maps(fitted(), tmp_path)
    before = _content(tmp_path)
    monkeypatch.setattr(whole_module, "_write", _Refusing(OSError(28, "No space left on device")))
    with pytest.raises(OutputError, match="No space left"):
        write_maps(fitted("t1_inversion_recovery"), tmp_path, overwrite=True)
    assert _content(tmp_path) == before


def test_a_move_that_fails_takes_back_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace, count = Path.replace, 0

    def failing(self: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == 4:
            raise OSError(13, "Permission denied", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OutputError, match="Permission denied"):
        write_maps(fitted(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be made"):
        write_maps(fitted(), tmp_path / "file")


@pytest.mark.parametrize("kind", ["noise", "background", "both", "codes", "one", "none"])
def test_packed_bytes_unpack_elsewhere(kind: str) -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(1000, 30, 700_000).astype(np.float32)
    half = noise.copy()
    half[:600_000] = np.nan
    values: np.ndarray = {
        "noise": noise,
        "background": np.full(700_000, np.nan, np.float32),
        "both": half,
        "codes": rng.integers(0, 9, 1_500_001).astype(np.uint8),
        "one": np.ones(1, np.float32),
        "none": np.ones(0, np.float32),
    }[kind]
    packed = gzipped(b"head", values)
    expected = b"head" + values.tobytes()
    assert gzip.decompress(packed) == expected
    # one member: readers that stop after the first see all
    machine = zlib.decompressobj(wbits=31)
    assert machine.decompress(packed) == expected
    assert machine.eof
    assert machine.unused_data == b""
    if kind == "background":
        assert len(packed) < len(expected) / 100


@pytest.mark.slow
def test_a_whole_brain_is_written_quickly(tmp_path: Path) -> None:
    shape = (256, 256, 30)
    rng = np.random.default_rng(6)
    values = rng.normal(1000, 30, (3, *shape[::-1])).astype(np.float32).transpose(0, 3, 2, 1)
    maps = fitted(
        "t1_inversion_recovery",
        estimates=values,
        standard_errors=values,
        residual_sd=values[0],
        n_used=np.full(shape, 7, np.uint16, order="F"),
        status=np.ones(shape, np.uint8, order="F"),
    )
    start = time.process_time()
    write_maps(maps, tmp_path)
    # of both processors together; a minute is what careless code takes
    assert time.process_time() - start < 6


def _validator() -> str:
    found = shutil.which("bids-validator-deno")
    if found is None:
        pytest.skip("bids-validator-deno is not installed (pip install bids-validator-deno)")
    return found


@pytest.mark.slow
def test_the_bids_validator_finds_no_error(tmp_path: Path) -> None:
    command = _validator()
    encodings = {
        "t1_inversion_recovery": ("inversion_time", (50.0, 400.0), "ms"),
        "t1_vfa": ("flip_angle", (2.0, 10.0), "degree"),
        "t2_offset": ("echo_time", (10.0, 20.0), "ms"),
        "t2star": ("echo_time", (2.0, 4.0), "ms"),
        "adc": ("b_value", (0.0, 1000.0), "s/mm²"),
        "diffusion_tensor": ("b_value", (0.0, 1000.0), "s/mm²"),
        "b1_double_angle": ("flip_angle", (60.0, 120.0), "degree"),
    }
    covariance = np.ones((3, 3, *SHAPE), np.float32)
    for model, parameters in MODELS.items():
        name, values, unit = encodings[model]
        header = imaged(
            Encoding(name=name, values=values, unit=unit), te_ms=10.0, tr_ms=500.0, ti_ms=None
        )
        count = len(parameters)
        maps = fitted(model, header=header, covariance=covariance[:count, :count])
        label = model.replace("_", "")
        write_maps(maps, tmp_path, entities={"sub": "p1", "ses": "a", "acq": label, "run": "1"})
        write_maps(maps, tmp_path, entities={"sub": label})
        write_maps(maps, tmp_path, entities={"sub": label}, overwrite=True)
    done = subprocess.run(
        [command, "--json", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
    )
    issues = json.loads(done.stdout)["issues"]["issues"]
    errors = [issue for issue in issues if issue["severity"] == "error"]
    assert errors == []
    # the list of authors is the user's to write
    warnings = {issue["code"] for issue in issues} - {"TOO_FEW_AUTHORS"}
    assert warnings == set()
    assert done.returncode == 0


@pytest.mark.slow
def test_the_validator_sees_a_wrong_name(tmp_path: Path) -> None:
    command = _validator()
    files = write_maps(fitted(), tmp_path)
    first = next(f for f in files if f.name.endswith("_T1map.nii.gz"))
    first.rename(first.with_name("sub-01_inversionmap.nii.gz"))
    done = subprocess.run([command, "--json", str(tmp_path)], check=False, capture_output=True)
    assert done.returncode != 0
