"""Spheres and tubes in every pose, signals, faults: against closed forms and certificates."""

import dataclasses
import math

import numpy as np
import pytest

from qiqa.core.errors import CertificateError, UsageError
from qiqa.fitting import fit
from qiqa.io.definitions import load_phantom
from qiqa.simulate.arrangement import simulate_arrangement, split_volumes
from qiqa.simulate.arrangement_spec import ArrangementSpec, Filling

SPHERES, TUBES = load_phantom("nist_system"), load_phantom("qiba_diffusion")
QUIET = ArrangementSpec(snr=math.inf, reference_counts=4000.0)
DWI = dataclasses.replace(
    QUIET, kind="dwi", matrix=128, n_slices=3, thickness_mm=4.0, tr_ms=1e4, te_ms=80.0
)


def made(phantom=SPHERES, base=QUIET, seed=0, **changes):
    spec = dataclasses.replace(base, **changes)
    return simulate_arrangement(phantom, spec, np.random.default_rng(seed))


def roi(result, label):
    """Return the values (voxels, volumes) within an insert."""
    voxels = np.array(result.truth.insert(label).roi_voxels)
    return result.series.signal[tuple(voxels.T)]


def test_inserts_hold_what_the_certificate_says():
    """T1-1 of batch 2.5 at 3 T: 1883.97 ms at 20 °C; swapped inserts change places."""
    plain, swapped = made(), made(swapped=(("T1-1", "T1-2"),))
    table = next(
        c for c in SPHERES.certificate
        if (c.group, c.quantity, c.batch) == ("T1", "t1", "2.5") and len(c.temperature_degc) > 1
    )  # fmt: skip
    printed = table.value[0][table.temperature_degc.index(20.0)]
    assert plain.truth.insert("T1-1").filling.t1_ms == printed
    assert swapped.truth.insert("T1-2").filling.t1_ms == printed
    assert np.allclose(roi(swapped, "T1-2").mean(0), roi(plain, "T1-1").mean(0), rtol=0.01, atol=8)


def test_temperature_is_that_of_the_contents():
    warm, cold = made(temperature_degc=24.0), made(temperature_degc=18.0)
    t1 = [r.truth.insert("T1-1").filling.t1_ms for r in (warm, cold)]
    assert abs(t1[0] - t1[1]) > 3
    assert warm.series.header.acquisition.temperature_degc is None
    with pytest.raises(CertificateError):
        made(temperature_degc=60.0)


@pytest.mark.parametrize(
    "pose",
    [
        {},
        {"rotation_deg": (4.0, -37.0, 6.0), "translation_mm": (6.0, -9.0, 4.0)},
        {"rotation_deg": (0.0, 0.0, 90.0)},
        {"rotation_deg": (180.0, 25.0, 0.0)},
        {"mirrored": True, "rotation_deg": (0.0, 15.0, 0.0)},
        {"orientation": "oblique", "rotation_deg": (20.0, 10.0, -12.0)},
        {"gradient_error_percent": (3.0, -2.0, 1.0), "translation_mm": (5.0, 0.0, -8.0)},
    ],
)
def test_spheres_are_where_the_truth_says(pose):
    """The centroid of what one bright sphere adds to the image is at its voxel."""
    bright = (("T1-5", Filling(t1_ms=100.0, t2_ms=90.0)),)
    dark = (("T1-5", Filling(t1_ms=100.0, t2_ms=90.0, pd=0.0)),)
    base = dataclasses.replace(QUIET, kind="pd", tr_ms=3000.0)
    on, off = (made(base=base, fillings=f, **pose) for f in (bright, dark))
    on_image, off_image = (
        r.series.signal[:, :, 0, 0] / np.float32(r.truth.scale) for r in (on, off)
    )
    added = on_image - off_image
    i, j = np.mgrid[: added.shape[0], : added.shape[1]]
    at = on.truth.insert("T1-5").center_voxel
    near = np.hypot(i - at[0], j - at[1]) < 11
    found = [(axis * added)[near].sum() / added[near].sum() for axis in (i, j)]
    assert np.allclose(found, at[:2], atol=0.05)
    assert added[near].sum() > 10


def test_matrix_agrees_with_the_affine():
    """Without scale errors, matrix and affine tell the same place in the scanner."""
    result = made(rotation_deg=(5.0, 30.0, -4.0), translation_mm=(7.0, 2.0, -3.0))
    to_ras = result.series.header.affine @ result.truth.phantom_to_voxel
    origin = to_ras @ np.array([0, 0, 0, 1.0])
    assert np.allclose(origin[:3], [-7.0, -2.0, -3.0])
    assert np.allclose(to_ras[:3, :3].T @ to_ras[:3, :3], np.eye(3))
    # An unmirrored phantom in LPS seen from RAS+ keeps its handedness.
    assert np.linalg.det(to_ras[:3, :3]) == pytest.approx(1.0)
    mirrored = made(mirrored=True)
    turned = mirrored.series.header.affine @ mirrored.truth.phantom_to_voxel
    assert np.linalg.det(turned[:3, :3]) == pytest.approx(-1.0)


def test_mapped_t1_agrees_with_the_certificate():
    result = made(base=dataclasses.replace(QUIET, snr=150.0), seed=4)
    maps = fit(result.series, "t1_inversion_recovery")
    for insert in result.truth.inserts:
        if insert.group == "T1" and insert.filling.t1_ms > 35:
            voxels = tuple(np.array(insert.roi_voxels).T)
            found = np.nanmedian(maps.estimate("t1")[voxels])
            assert found == pytest.approx(insert.filling.t1_ms, rel=0.01)


def test_diffusion_signal_falls_as_the_certificate_says():
    """Ice water: 1.109e-3 mm²/s in the central vial."""
    result = made(TUBES, DWI, temperature_degc=0.0, b_values=(0.0, 1000.0), b1=1.0)
    ratio = roi(result, "PVP0-center").mean(0)
    assert -math.log(ratio[1] / ratio[0]) / 1000 == pytest.approx(1.109e-3, rel=0.01)


def test_nonlinear_gradients_raise_the_adc_outward():
    result = made(TUBES, DWI, temperature_degc=0.0, b_values=(0.0, 1000.0), adc_gain_60mm=0.08)
    outer = result.truth.insert("PVP20-outer")
    assert outer.adc_apparent_mm2_per_s == pytest.approx(0.000579 * 1.08, rel=1e-3)
    ratio = roi(result, "PVP20-outer").mean(0)
    assert -math.log(ratio[1] / ratio[0]) / 1000 == pytest.approx(0.000579 * 1.08, rel=0.01)


def test_noise_has_the_stated_sd_and_elements_can_be_lost():
    """In air the magnitude of one coil has mean sd * sqrt(pi / 2)."""
    base = dataclasses.replace(QUIET, kind="pd", snr=50.0, n_coils=1)
    one = made(base=base)
    assert one.truth.noise_sd == pytest.approx(4000 / 50)
    corner = one.series.signal[:12, :12, 0, :]
    assert corner.mean() == pytest.approx(one.truth.noise_sd * math.sqrt(math.pi / 2), rel=0.1)
    quiet = dataclasses.replace(QUIET, kind="pd", n_coils=4)
    full, lost = made(base=quiet), made(base=quiet, lost_coils=(0,))
    whole, part = (r.series.signal[60:132, 60:132, 0, 0].astype(float).sum() for r in (full, lost))
    assert 0.8 < part / whole < 0.95


def test_clipping_and_missing_parts():
    clipped = made(kind="pd", reference_counts=6000.0)
    assert clipped.series.signal.max() == 4095
    bare = made(kind="pd", missing=("T1-3",))
    full = made(kind="pd")
    i, j, _ = (round(c) for c in full.truth.insert("T1-3").center_voxel)
    assert not bare.truth.insert("T1-3").present
    bath = bare.series.signal[i, j, 0, 0]
    assert bath == pytest.approx(full.series.signal[96, 96, 0, 0], rel=0.05)
    assert full.series.signal[i, j, 0, 0] > 1.1 * bath


def test_a_volume_shows_fiducials_where_the_truth_says():
    fill = Filling(t1_ms=100.0, t2_ms=90.0)
    base = dataclasses.replace(
        QUIET, kind="volume", matrix=104, fov_mm=208.0, tr_ms=20.0, te_ms=4.0, uncertified=fill,
        rotation_deg=(10.0, 20.0, 30.0),
    )  # fmt: skip
    result = made(base=base)
    image = result.series.signal[..., 0]
    for label in ("F1", "F29", "F40"):
        at = np.array(result.truth.insert(label).center_voxel)
        grid = np.stack(np.mgrid[: image.shape[0], : image.shape[1], : image.shape[2]], axis=-1)
        near = np.linalg.norm(grid - at, axis=-1) < 3.0
        weight = image[near] - image[near].min()
        assert np.allclose((grid[near] * weight[:, None]).sum(0) / weight.sum(), at, atol=0.15)


def test_volumes_become_series_of_their_own():
    result = made()
    alone = split_volumes(result.series, np.random.default_rng(1))
    assert [one.header.acquisition.ti_ms for one in alone] == list(QUIET.ti_ms)
    assert len({one.header.series_uid for one in alone}) == 10
    assert np.array_equal(alone[3].signal[..., 0], result.series.signal[..., 3])


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "fse"},
        {"snr": 0.0},
        {"ti_ms": ()},
        {"matrix": 33},
        {"group": "T9"},
        {"batch": "7"},
        {"swapped": (("T1-1", "T1-99"),)},
        {"missing": ("nothing",)},
        {"lost_coils": (1,)},
        {"inversion_efficiency": 1.2},
    ],
)
def test_what_cannot_be_simulated_is_refused(wrong):
    with pytest.raises(UsageError):
        made(**wrong)


def test_slices_along_tubes_are_refused():
    with pytest.raises(UsageError, match="along the tubes"):
        made(TUBES, DWI, orientation="coronal", temperature_degc=0.0)
