"""The walk from files to maps, on scans of vials whose values are known."""

from __future__ import annotations

import datetime as dt
import hashlib
import json

import nibabel
import numpy as np
import pytest

from qiqa.core.errors import ExamError, OutputError, ReadError, UsageError
from qiqa.core.maps import FitStatus
from qiqa.core.signal_model import Points
from qiqa.models import t2_epg
from qiqa.workflows.mapping import MapRequest, run_map

NOW = dt.datetime(2026, 11, 28, 9, tzinfo=dt.UTC)
T1_MS = (150.0, 400.0, 900.0, 1600.0)
TI_MS = (40.0, 90.0, 160.0, 300.0, 500.0, 800.0, 1200.0, 1900.0, 3000.0)
ANGLES_DEG = (2.0, 5.0, 10.0, 15.0, 20.0)
TR_MS = 15.0
COMMON = {"Modality": "MR", "Manufacturer": "Siemens", "MagneticFieldStrength": 3, "EchoTime": 0.01}
DIFFUSIVITIES = np.array([1.5e-3, 1.0e-3, 0.5e-3])
HALF = 0.5**0.5
SIX = np.array(
    [
        (HALF, HALF, 0), (HALF, -HALF, 0), (HALF, 0, HALF), (HALF, 0, -HALF),
        (0, HALF, HALF), (0, HALF, -HALF),
    ]
)  # fmt: skip


def request(paths, quantity, output, **fields):
    return MapRequest(paths=(paths,), quantity=quantity, output=output, **fields)


def inversion_recovery(vials):
    volumes = [lambda t1, ti=ti: abs(1000 * (1 - 1.95 * np.exp(-ti / t1))) for ti in TI_MS]
    sidecars = [{**COMMON, "InversionTime": ti / 1e3, "RepetitionTime": 12.0} for ti in TI_MS]
    return vials("inv-{}_IRT1", volumes, sidecars, T1_MS)


def spoiled(t1, angle_deg, b1):
    e1, a = np.exp(-TR_MS / t1), np.deg2rad(angle_deg) * b1
    return 8000 * np.sin(a) * (1 - e1) / (1 - e1 * np.cos(a))


def flip_angles(vials, b1):
    volumes = [lambda t1, f, a=a: spoiled(t1, a, f) for a in ANGLES_DEG]
    sidecars = [
        {
            **COMMON,
            "FlipAngle": a,
            "RepetitionTimeExcitation": TR_MS / 1e3,
            "ScanningSequence": "GR",
        }
        for a in ANGLES_DEG
    ]
    return vials("flip-{}_VFA", volumes, sidecars, T1_MS, factor=b1)


def diffusion(vials):
    """Vials of one anisotropic tensor, scaled; ADC along g is g D g."""
    vectors = np.vstack([np.zeros(3), SIX, SIX])
    b_values = np.array([0.0] + [500.0] * 6 + [1000.0] * 6)
    volumes = [
        lambda scale, b=b, g=g: 1000 * np.exp(-b * scale * (g**2 @ DIFFUSIVITIES))
        for b, g in zip(b_values, vectors, strict=True)
    ]
    folder = vials("dwi", volumes, [COMMON], (0.3, 0.6, 0.8, 1.0), kind="dwi", together=True)
    stem = next(folder.rglob("*.nii.gz"))
    base = str(stem).removesuffix(".nii.gz")
    for name, rows in (("bval", b_values[None]), ("bvec", vectors.T)):
        np.savetxt(f"{base}.{name}", rows, fmt="%.6f")
    return folder


def medians(vials, maps, name):
    """Return the median of each vial, which must have an answer nearly everywhere.

    The file is left-handed: reading turns it over along j, and so it is turned back here.
    """
    steps = np.diag(np.linalg.inv(maps.affine) @ vials.affine)[:3]
    np.testing.assert_allclose(np.abs(steps), 1, atol=1e-6)
    found = maps.estimate(name)[tuple(slice(None, None, round(s)) for s in steps)]
    values = []
    for place in vials.places.values():
        inside = found[place]
        assert np.isfinite(inside).mean() > 0.95
        values.append(float(np.nanmedian(inside)))
    return np.array(values)


@pytest.fixture(scope="module")
def t1(vials, tmp_path_factory):
    output = tmp_path_factory.mktemp("maps") / "derivatives"
    told, fractions = [], []
    result = run_map(
        request(inversion_recovery(vials), "t1", output),
        now=NOW,
        user="mphys",
        tell=told.append,
        progress=fractions.append,
    )
    return result, told, fractions


def test_t1_of_the_vials_is_the_truth(t1, vials):
    result, _, _ = t1
    found = medians(vials, result.maps, "t1")
    np.testing.assert_allclose(found, T1_MS, rtol=0.01)
    air = result.maps.status[:2]
    # noise alone looks like a recovery now and then
    assert np.isin(air, [FitStatus.CONVERGED, FitStatus.EXACT]).mean() < 0.2


def test_it_says_why(t1):
    result, told, fractions = t1
    assert result.model == "t1_inversion_recovery"
    assert result.why == (
        "9 inversion times 40 to 3000 ms, one TR 12000 ms, magnitude: "
        "inversion recovery with polarity restored"
    )
    assert told[0] == "reading headers"
    assert any("fitting t1_inversion_recovery" in text for text in told)
    assert fractions == sorted(fractions)
    assert all(0 <= f <= 1 for f in fractions)
    assert [step for step, _ in result.timing][:3] == ["reading", "loading", "fitting"]


def test_the_files_hold_the_maps_on_the_voxels_of_the_images(t1, vials):
    result, _, _ = t1
    path = next(p for p in result.files if p.name == "sub-07_T1map.nii.gz")
    image = nibabel.load(path)
    # the grid may be turned over, the place of every value may not
    voxel = np.linalg.inv(image.affine) @ vials.affine @ [16, 14, 1, 1]
    i, j, k = (round(x) for x in voxel[:3])
    assert float(image.get_fdata()[i, j, k]) == pytest.approx(1.6, rel=0.03)  # BIDS: seconds
    assert all(path.is_file() for path in result.files)


def test_the_sidecar_and_the_page_say_where_it_came_from(t1):
    result, _, _ = t1
    sidecar = next(p for p in result.files if p.name == "sub-07_T1map.json")
    text = sidecar.read_text(encoding="utf-8")
    assert result.why in json.dumps(json.loads(text), ensure_ascii=False)
    assert len(result.provenance.inputs) == len(TI_MS)
    assert all(item.sha256 in text for item in result.provenance.inputs)
    page = result.report.read_text(encoding="utf-8")
    assert result.report.name == "sub-07_T1map.html"
    assert result.why in page
    assert "sub-07_T1map.nii.gz" in page
    assert result.provenance.identity in page


def test_the_voxels_shown_lie_on_the_curve_that_is_drawn(t1):
    result, _, _ = t1
    curves = result.fits[0].curves
    assert len(curves) >= 4
    estimates = [curve.estimate for curve in curves]
    assert estimates == sorted(estimates)
    assert estimates[0] == pytest.approx(150, rel=0.1)
    assert estimates[-1] == pytest.approx(1600, rel=0.1)
    for curve in curves:
        assert curve.x == TI_MS
        drawn = np.interp(curve.x, curve.curve_x, curve.curve_y)
        # the curve has a corner between the points drawn; noise SD is 2
        assert np.median(np.abs(np.abs(drawn) - curve.y)) < 6
        assert curve.estimate == result.maps.estimate("t1")[curve.voxel]


def test_answers_in_air_are_told(vials, tmp_path):
    """With the noise floor not judged air is fitted like anything else."""
    scan = inversion_recovery(vials)
    result = run_map(request(scan, "t1", tmp_path / "o", noise_sd=None, report=False), now=NOW)
    codes = {f.code for f in result.findings}
    answered = np.isfinite(result.maps.estimate("t1"))
    error = result.maps.standard_error("t1")[answered] / result.maps.estimate("t1")[answered]
    assert ("uncertain_answers" in codes) == ((error < 0.5).mean() <= 0.8)


def test_the_numbers_are_those_of_the_map(t1):
    result, _, _ = t1
    item = result.fits[0].summaries[0]
    found = result.maps.estimate("t1")
    assert item.n == np.isfinite(found).sum()
    assert item.median == pytest.approx(np.nanmedian(found))
    assert item.p5 < item.p25 < item.median < item.p75 < item.p95


def test_maps_are_not_overwritten_unless_asked(vials, tmp_path):
    scan = inversion_recovery(vials)
    asked = request(scan, "t1", tmp_path / "o")
    run_map(asked, now=NOW)
    before = {p: p.read_bytes() for p in (tmp_path / "o").rglob("*") if p.is_file()}
    with pytest.raises(OutputError):
        run_map(asked, now=NOW)
    assert {p: p.read_bytes() for p in (tmp_path / "o").rglob("*") if p.is_file()} == before
    run_map(request(scan, "t1", tmp_path / "o", overwrite=True), now=NOW)


def nifti(path, values, affine, units=None):
    nibabel.save(nibabel.Nifti1Image(np.asarray(values), affine), path)
    if units:
        path.with_name(path.name.replace(".nii.gz", ".json")).write_text(
            json.dumps({"Units": units}), encoding="utf-8"
        )
    return path


def test_only_the_mask_is_fitted(vials, tmp_path):
    inside = np.zeros((24, 20, 2), dtype=np.uint8)
    inside[vials.places[2]] = 1
    mask = nifti(tmp_path / "mask.nii.gz", inside, vials.affine)
    scan = inversion_recovery(vials)
    result = run_map(request(scan, "t1", tmp_path / "o", mask=mask), now=NOW)
    fitted = result.maps.status != FitStatus.OUTSIDE
    assert fitted.sum() == inside.sum()
    assert np.nanmedian(result.maps.estimate("t1")) == pytest.approx(900, rel=0.01)
    assert ("mask", "mask.nii.gz") in result.provenance.parameters
    digest = hashlib.sha256(mask.read_bytes()).hexdigest()
    assert digest in {item.sha256 for item in result.provenance.inputs}


def test_a_mask_drawn_in_another_orientation_lies_on_the_same_vial(vials, tmp_path):
    inside = np.zeros((24, 20, 2), dtype=np.uint8)
    inside[vials.places[1]] = 1
    turned = nibabel.as_closest_canonical(nibabel.Nifti1Image(inside, vials.affine))
    mask = nifti(tmp_path / "mask.nii.gz", np.asarray(turned.dataobj), turned.affine)
    scan = inversion_recovery(vials)
    result = run_map(request(scan, "t1", tmp_path / "o", mask=mask), now=NOW)
    assert np.nanmedian(result.maps.estimate("t1")) == pytest.approx(400, rel=0.01)


@pytest.mark.parametrize("moved", [True, False])
def test_a_mask_elsewhere_or_empty_is_refused(vials, tmp_path, moved):
    affine = vials.affine + (np.eye(4, k=3) if moved else 0)
    values = np.full((24, 20, 2), int(moved), dtype=np.uint8)
    mask = nifti(tmp_path / "mask.nii.gz", values, affine)
    with pytest.raises(ReadError if moved else UsageError, match=r"mask\.nii\.gz"):
        run_map(request(inversion_recovery(vials), "t1", tmp_path / "o", mask=mask), now=NOW)
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("units", [None, "percent"])
def test_a_b1_map_mends_flip_angles(vials, tmp_path, units):
    b1 = np.linspace(0.8, 1.2, 24)[:, None, None] * np.ones((24, 20, 2))
    scan = flip_angles(vials, b1)
    factor = 100.0 if units else 1.0
    path = nifti(tmp_path / "b1.nii.gz", (b1 * factor).astype(np.float32), vials.affine, units)
    given = run_map(request(scan, "t1", tmp_path / "o", b1=path), now=NOW)
    assert given.model == "t1_vfa"
    np.testing.assert_allclose(medians(vials, given.maps, "t1"), T1_MS, rtol=0.03)
    without = run_map(request(scan, "t1", tmp_path / "p"), now=NOW)
    error = medians(vials, without.maps, "t1") / T1_MS - 1
    assert np.abs(error).min() > 0.05
    for curve in given.fits[0].curves:
        drawn = np.interp(curve.x, curve.curve_x, curve.curve_y)
        assert np.abs(drawn - curve.y).max() < 12


def test_a_b1_map_in_percent_that_does_not_say_so_is_refused(vials, tmp_path):
    path = nifti(tmp_path / "b1.nii.gz", np.full((24, 20, 2), 97.0, np.float32), vials.affine)
    scan = flip_angles(vials, np.ones((24, 20, 2)))
    with pytest.raises(UsageError, match="median of the B1 map is 97, and no unit") as caught:
        run_map(request(scan, "t1", tmp_path / "o", b1=path), now=NOW)
    assert '"Units": "percent"' in caught.value.hint


def test_a_b1_map_for_inversion_recovery_is_wrong_usage(vials, tmp_path):
    path = nifti(tmp_path / "b1.nii.gz", np.ones((24, 20, 2), np.float32), vials.affine)
    with pytest.raises(UsageError, match="this series has none that vary"):
        run_map(request(inversion_recovery(vials), "t1", tmp_path / "o", b1=path), now=NOW)


def test_the_mean_over_directions_gives_a_third_of_the_trace(vials, tmp_path):
    result = run_map(request(diffusion(vials), "adc", tmp_path / "o"), now=NOW)
    assert "geometric mean over 6 directions" in result.why
    expected = np.array([0.3, 0.6, 0.8, 1.0]) * DIFFUSIVITIES.mean()
    np.testing.assert_allclose(medians(vials, result.maps, "adc"), expected, rtol=0.01)


def test_each_direction_has_maps_of_its_own(vials, tmp_path):
    asked = request(diffusion(vials), "adc", tmp_path / "o", directions="each")
    result = run_map(asked, now=NOW)
    assert len(result.fits) == 6
    expected = sorted(SIX**2 @ DIFFUSIVITIES)
    found = sorted(medians(vials, f.maps, "adc")[3] for f in result.fits)
    np.testing.assert_allclose(found, expected, rtol=0.02)
    names = [p.name for p in result.files if p.name.endswith("_ADC.nii.gz")]
    assert len(set(names)) == len(names)
    assert "sub-07_acq-dir03_ADC.nii.gz" in names
    assert result.report.read_text(encoding="utf-8").count("direction 3 of 6") == 1


def test_the_tensor(vials, tmp_path):
    asked = request(diffusion(vials), "adc", tmp_path / "o", directions="tensor")
    result = run_map(asked, now=NOW)
    assert result.model == "diffusion_tensor"
    expected = np.array([0.3, 0.6, 0.8, 1.0]) * DIFFUSIVITIES.mean()
    np.testing.assert_allclose(medians(vials, result.maps, "md"), expected, rtol=0.01)
    spread = DIFFUSIVITIES - DIFFUSIVITIES.mean()
    fa = np.sqrt(1.5 * (spread**2).sum() / (DIFFUSIVITIES**2).sum())
    assert medians(vials, result.maps, "fa")[3] == pytest.approx(fa, rel=0.03)


def test_what_cannot_be_done_is_refused_before_anything_is_read(tmp_path):
    nowhere = tmp_path / "nowhere"
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for fields, error, said in (
        ({"quantity": "t9"}, UsageError, "'t9' is not one of adc, t1"),
        ({"output": tmp_path / "file"}, OutputError, "is a file"),
        ({"directions": "each"}, UsageError, "directions belong to ADC"),
        ({"model": "t11"}, UsageError, "'t11' is not in qiqa.models"),
        ({"quantity": "t2", "b1": nowhere}, UsageError, "corrects the flip angles of a T1 map"),
    ):
        given = {"quantity": "t1", "output": tmp_path / "o", **fields}
        with pytest.raises(error, match=said):
            run_map(MapRequest(paths=(nowhere,), **given), now=NOW)


def test_no_images_and_no_series_that_will_do(vials, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReadError, match="no files here"):
        run_map(request(tmp_path / "empty", "t1", tmp_path / "o"), now=NOW)
    with pytest.raises(ExamError, match="no series here can give a T2 map"):
        run_map(request(inversion_recovery(vials), "t2", tmp_path / "o"), now=NOW)
    assert not (tmp_path / "o").exists()


def test_without_a_report(vials, tmp_path):
    result = run_map(
        request(inversion_recovery(vials), "t1", tmp_path / "o", report=False), now=NOW
    )
    assert result.report is None
    assert not list((tmp_path / "o").rglob("*.html"))


def test_real_inversion_recovery_of_one_scan_in_ten_series(real_data, tmp_path):
    """T1 of the largest vials of a system phantom, 20 °C, within what B0, B1 and slices allow."""
    asked = request(real_data("phantoms/system/mrbias_A/T1_VIR"), "t1", tmp_path / "o")
    result = run_map(asked, now=NOW)
    assert result.why.startswith("10 inversion times 35 to 3000 ms, one TR 4500 ms, magnitude")
    assert len(result.provenance.inputs) == 10
    assert result.maps.status.shape == (256, 256, 1)


def test_real_trace_images_and_never_the_scanners_own_map(real_data, tmp_path):
    root = real_data("phantoms/diffusion")
    paths = tuple(p for p in sorted(root.iterdir()) if p.name.startswith(("03", "04")))
    asked = MapRequest(paths=paths, quantity="adc", output=tmp_path / "o")
    result = run_map(asked, now=NOW)
    assert "5 b-values 0 to 2000 s/mm²: vendor trace images" in result.why
    assert "averaged_magnitudes" in {finding.code for finding in result.findings}
    # certificate at 0 °C: water 1109 µm²/s, read up to 9 % high away from the isocenter
    found = result.maps.estimate("adc")[:, :, 12] * 1e6
    middle = found[np.isfinite(found) & (found > 1000) & (found < 1300)]
    assert 1109 * 0.99 < np.median(middle) < 1109 * 1.09


def test_a_train_of_echoes_with_and_without_a_b1_map(vials, tmp_path):
    """B1 1.1 without a map is read as below its turning point, and T2 a little long."""
    t2_ms, te_ms = (40.0, 80.0, 120.0, 200.0), [10.0 * n for n in range(1, 17)]
    train = Points(values=np.array(te_ms), tr_ms=np.full(16, np.nan))

    def echo(t2, which):
        return t2_epg.predict(np.array([t2, 1000.0, 1.1]), train)[which]

    volumes = [lambda t2, n=n: echo(t2, n) for n in range(16)]
    sidecars = [
        {**COMMON, "EchoTime": te / 1e3, "RepetitionTime": 5.0, "ScanningSequence": "SE"}
        for te in te_ms
    ]
    scan = vials("echo-{}_MESE", volumes, sidecars, t2_ms)
    path = nifti(tmp_path / "b1.nii.gz", np.full((24, 20, 2), 1.1, np.float32), vials.affine)
    asked = request(scan, "t2", tmp_path / "o", model="t2_epg", b1=path)
    given = run_map(asked, now=NOW)
    np.testing.assert_allclose(medians(vials, given.maps, "t2"), t2_ms, rtol=0.01)
    assert all(len(curve.curve_x) == 16 for curve in given.fits[0].curves)
    without = run_map(request(scan, "t2", tmp_path / "p", model="t2_epg"), now=NOW)
    off = medians(vials, without.maps, "t2") / np.array(t2_ms) - 1
    assert ((off > 0) & (off < 0.04)).all()
    assert (medians(vials, without.maps, "b1") < 1.0).all()
    with pytest.raises(UsageError, match="corrects the flip angles of a T1 map") as refused:
        run_map(request(scan, "t2", tmp_path / "q", b1=path), now=NOW)
    assert "t2_epg" in refused.value.hint
