"""Whole exams: every part is where the truth says, in every pose; signal, noise, faults."""

import dataclasses
import math

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.io.definitions import load_phantom
from qiqa.simulate.acr_large import simulate_exam, simulate_localizer, simulate_stack
from qiqa.simulate.spec import AcrSpec
from qiqa.simulate.truth import truth_of

PHANTOM = load_phantom("acr_large")
QUIET = AcrSpec(snr=math.inf, bath_counts=4000.0, profile="rect")


def exam(**changes):
    slices = changes.pop("slices")
    spec = dataclasses.replace(QUIET, **changes)
    return simulate_exam(PHANTOM, spec, np.random.default_rng(0), slices=slices, localizer=False)


def truth(**changes):
    return truth_of(PHANTOM, dataclasses.replace(QUIET, **changes), None)


def slice_image(series, number, *, reversed_order=False):
    k = 11 - number if reversed_order else number - 1
    return series.signal[:, :, k, 0].T / 4000.0


def dark_center(image, near, reach):
    """Return column, row of the middle of what is missing from the bath around a place."""
    row, column = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = (1 - image).clip(0) * (np.hypot(column - near[0], row - near[1]) < reach)
    return (column * weight).sum() / weight.sum(), (row * weight).sum() / weight.sum()


POSES = {
    "standard": {},
    "turned": {"rotation_deg": 9.5},
    "shifted": {"center_offset_mm": (6.3, -4.4)},
    "tilted": {"tilt_deg": (1.2, -0.8), "rotation_deg": -3.0},
    "displaced": {"displacement_mm": 2.2},
    "mirrored": {"mirrored": True, "rotation_deg": 4.0},
    "reversed": {"reversed_order": True, "rotation_deg": 4.0, "tilt_deg": (0.7, 0.4)},
    "both": {"reversed_order": True, "mirrored": True, "center_offset_mm": (3.0, 2.0)},
    "scaled": {"gradient_error_percent": (1.5, -1.0, 0.5), "center_offset_mm": (5.0, 5.0)},
    "interpolated": {"interpolated_matrix": 512, "rotation_deg": 2.0},
}


@pytest.mark.parametrize("pose", POSES)
def test_vial_and_foot_lie_where_the_truth_says(pose):
    """The vial is at upper left in the standard pose, the foot at lower right on slice 2."""
    changes = POSES[pose]
    made = exam(slices=(2,), **changes)
    image = slice_image(made.role("T1"), 2, reversed_order=changes.get("reversed_order", False))
    to_voxel, size = made.truth.phantom_to_voxel, image.shape[0] / 256
    z = 10.0 + made.truth.displacement_mm[1]
    for x, y, reach in ((-45.1, -45.0, 22.0), (52.1, 38.15, 24.0)):
        expected = to_voxel @ np.array([x, y, z, 1.0])
        found = dark_center(image, expected[:2], reach * size / 0.98)
        assert np.hypot(*(np.array(found) - expected[:2])) < 0.06 * size
        # Displacement is measured on the axis; tilt moves z by up to 1 mm out here.
        k = 9 if changes.get("reversed_order") else 1
        assert expected[2] == pytest.approx(k, abs=0.12)


def test_standard_pose_is_as_displayed():
    made = exam(slices=(1, 2))
    first, second = slice_image(made.role("T1"), 1), slice_image(made.role("T1"), 2)
    assert first[34, 127] < 0.1  # notch at 12 o'clock
    assert first[222, 127] > 0.9  # none at 6 o'clock
    assert first[166, 127] < 0.6  # resolution insert in the lower half
    assert first[127, 200] < 0.3  # ramp box across the middle
    assert second[82, 64] < 0.1  # wall of the vial upper left
    assert second[82, 191] > 0.9
    assert second[166, 180] < 0.1  # foot lower right
    assert np.allclose(made.role("T1").header.affine[:3, 2], [0, 0, 10])
    assert made.role("T1").header.affine[0, 0] < 0  # columns run to the patient's left


def wall_diameter(image, center, angle_deg, pixel_mm):
    """Return the chord through `center` from the integral of a narrow profile, ends at half."""
    t = np.arange(-120, 120, 0.02)
    u, v = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    column, row = center[0] + t * u / pixel_mm, center[1] + t * v / pixel_mm
    c, r = np.floor(column).astype(int), np.floor(row).astype(int)
    fc, fr = column - c, row - r
    profile = (
        image[r, c] * (1 - fc) * (1 - fr)
        + image[r, c + 1] * fc * (1 - fr)
        + image[r + 1, c] * (1 - fc) * fr
        + image[r + 1, c + 1] * fc * fr
    )
    bright = np.flatnonzero(profile > 0.5)
    return t[bright[-1]] - t[bright[0]]


@pytest.mark.parametrize("errors", [(0.0, 0.0, 0.0), (1.2, -0.9, 0.0), (-2.0, 1.0, 0.0)])
def test_diameters_are_those_of_the_truth(errors):
    made = exam(slices=(7,), gradient_error_percent=errors, rotation_deg=12.0, matrix=512)
    image, truth = slice_image(made.role("T1"), 7), made.truth
    at = truth.phantom_to_voxel @ np.array([0, 0, 60.0, 1.0])
    for direction, expected in (
        ((1, 0), truth.diameter_lr_mm),
        ((1, 1), truth.diameter_d1_mm),
        ((1, -1), truth.diameter_d2_mm),
    ):
        u, v = truth.phantom_to_voxel[:2, :2] @ np.array(direction)
        angle = math.degrees(math.atan2(v, u))
        assert wall_diameter(image, at, angle, 250 / 512) == pytest.approx(expected, abs=0.12)
    if errors[0]:
        assert abs(truth.diameter_lr_mm - 190) > 1


def test_diameter_along_an_axis_grows_by_the_gradient_error():
    true = truth(gradient_error_percent=(2.0, -1.0, 0.0))
    assert true.diameter_lr_mm == pytest.approx(190 * 1.02)
    assert true.diameter_ap_mm == pytest.approx(190 * 0.99)
    # Ellipse: 1 / d^2 is the mean of 1 / a^2 and 1 / b^2 at 45 degrees in the image; the
    # phantom's own diagonal is seen 0.9 degree off it.
    at_45 = math.sqrt(2 / (1 / (190 * 1.02) ** 2 + 1 / (190 * 0.99) ** 2))
    assert true.diameter_d1_mm == pytest.approx(at_45, abs=0.1)


@pytest.mark.parametrize("error", [0.0, 1.0])
def test_localizer_shows_the_length_of_the_truth(error):
    changes = {"gradient_error_percent": (0, 0, error), "tilt_deg": (0.0, 1.5)}
    true = truth(**changes)
    assert true.length_mm == pytest.approx(148 * (1 + error / 100), abs=0.06)
    series = simulate_localizer(
        PHANTOM, dataclasses.replace(QUIET, **changes), np.random.default_rng(0)
    )
    image, to_voxel = series.signal[:, :, 0, 0].T / 4000, true.localizer_phantom_to_voxel
    low, high = (to_voxel @ np.array([0.0, 75.0, z, 1.0]) for z in (-50.0, 135.0))
    t = np.linspace(0, 1, 20001)
    column, row = low[0] + t * (high[0] - low[0]), low[1] + t * (high[1] - low[1])
    profile = image[np.rint(row).astype(int), np.rint(column).astype(int)]
    bright = np.flatnonzero(profile > 0.5)
    scale = np.hypot(high[0] - low[0], high[1] - low[1]) * 250 / 256
    assert (t[bright[-1]] - t[bright[0]]) * scale == pytest.approx(true.length_mm, abs=0.9)
    assert high[1] < low[1]  # head up
    assert np.allclose(series.header.affine[:3, 1], [0, 0, -250 / 256])


@pytest.mark.parametrize(
    ("changes", "first", "last"),
    [
        ({}, 0.0, 0.0),
        ({"displacement_mm": 2.0}, 4.0, 4.0),
        ({"displacement_mm": -3.3}, -6.6, -6.6),
        ({"spacing_scale": 0.98}, 0.0, -4.0),
        ({"gradient_error_percent": (0.0, 0.0, 1.0)}, 0.99, -0.99),
    ],
)
def test_bar_differences_are_twice_the_displacement(changes, first, last):
    true = truth(**changes)
    assert true.bar_difference_slice1_mm == pytest.approx(first, abs=0.01)
    assert true.bar_difference_slice11_mm == pytest.approx(last, abs=0.01)
    assert true.displacement_mm[0] == pytest.approx(first / 2, abs=0.005)
    assert true.displacement_mm[10] == pytest.approx(last / 2, abs=0.005)


@pytest.mark.parametrize(
    "changes",
    [
        {"displacement_mm": 2.0},
        {"displacement_mm": -1.5, "tilt_deg": (0.0, 1.0)},
        {"reversed_order": True, "displacement_mm": 1.0},
    ],
)
def test_bars_in_the_image_differ_as_the_truth_says(changes):
    made = exam(slices=(1, 11), **changes)
    for number, expected in (
        (1, made.truth.bar_difference_slice1_mm),
        (11, made.truth.bar_difference_slice11_mm),
    ):
        image = slice_image(
            made.role("T1"), number, reversed_order=changes.get("reversed_order", False)
        )
        z = 10.0 * (number - 1) + made.truth.displacement_mm[number - 1]
        ends = []
        for x in (-3.1, 2.7):
            y = np.arange(-78, -44, 0.05)
            points = np.stack((np.full(y.size, x), y, np.full(y.size, z), np.ones(y.size)))
            column, row, _, _ = made.truth.phantom_to_voxel @ points
            profile = image[np.rint(row).astype(int), np.rint(column).astype(int)]
            # Length by area: the blurred end of a 45 degree wedge is symmetric.
            ends.append(float((1 - profile).sum() * 0.05))
        assert ends[1] - ends[0] == pytest.approx(expected, abs=0.25)


def test_low_contrast_and_ramps_have_their_design_levels():
    made = exam(slices=(1, 2, 11), profile="rect")
    image = slice_image(made.role("T1"), 11)
    center = made.truth.phantom_to_voxel @ np.array([0.7, 7.8, 100.0, 1])
    sheet = image[round(center[1]) - 2 : round(center[1]) + 3, round(center[0]) - 2 :][:, :5]
    assert 1 - sheet.mean() == pytest.approx(0.255 / 5, abs=0.004)
    first = slice_image(made.role("T1"), 1)
    ramp = made.truth.phantom_to_voxel @ np.array([0.0, -2.6, 0.0, 1])
    across = first[round(ramp[1]) - 1 : round(ramp[1]) + 2, 100:156].mean()
    assert across == pytest.approx(1.0 / 5, abs=0.02)


@pytest.mark.parametrize(("n_coils", "snr"), [(1, 60.0), (4, 100.0), (8, 60.0)])
def test_bath_noise_and_background_follow_the_specification(n_coils, snr):
    spec = AcrSpec(snr=snr, n_coils=n_coils, bath_counts=3000.0)
    made = simulate_exam(
        PHANTOM, spec, np.random.default_rng(4), slices=(7,), localizer=False, repeat=True
    )
    one, two = (made.role(name).signal[80:176, 80:176, 6, 0] for name in ("T1", "repeat"))
    sd = made.truth.noise_sd
    assert sd == pytest.approx(3000 / snr)
    assert (one - two).std() / math.sqrt(2) == pytest.approx(sd, rel=0.03)
    level = 3000 + (2 * n_coils - 1) * sd**2 / (2 * 3000)  # bias of a sum of squares
    assert one.mean() == pytest.approx(level, rel=1e-3)
    corner = made.role("T1").signal[:24, :24, 6, 0]
    mean = math.sqrt(2) * math.gamma(n_coils + 0.5) / math.gamma(n_coils)
    assert corner.mean() == pytest.approx(mean * sd, rel=0.04)


def test_filter_takes_ringing_but_not_the_noise_that_was_asked_for():
    spec = AcrSpec(snr=80.0, apodization=0.8, bath_counts=3000.0)
    made = simulate_exam(
        PHANTOM, spec, np.random.default_rng(4), slices=(7,), localizer=False, repeat=True
    )
    one, two = (made.role(name).signal[80:176, 80:176, 6, 0] for name in ("T1", "repeat"))
    assert (one - two).std() / math.sqrt(2) == pytest.approx(made.truth.noise_sd, rel=0.03)
    plain = slice_image(exam(slices=(7,)).role("T1"), 7)
    soft = slice_image(exam(slices=(7,), apodization=1.0).role("T1"), 7)
    assert plain[128, 215:224].std() > 0.015
    assert soft[128, 215:224].std() < 0.005


@pytest.mark.parametrize(("loss", "direction"), [(0.0, 0.0), (5.0, 90.0), (15.0, 200.0)])
def test_shading_takes_the_stated_share_from_uniformity(loss, direction):
    truth = exam(slices=(7,), shading_percent=loss, shading_direction_deg=direction).truth
    # Means over 1 cm2 see a little less than the extremes of the field; the rail hides some.
    assert 100 - loss - 0.1 <= truth.piu_percent <= 100 - 0.8 * loss


@pytest.mark.parametrize("direction", ["ROW", "COL"])
def test_ghost_of_half_the_matrix_gives_its_share(direction):
    """Half the matrix away, each strip along phase shows the middle of the bath at amplitude g.

    PSG = |(top + bottom) - (left + right)| / (2 x bath) = g, less the mean magnitude of ringing
    in the strips without ghost, some 0.3 % of the bath.
    """
    truth = exam(slices=(7,), ghost_fraction=0.03, ghost_direction=direction).truth
    assert 2.6 < truth.psg_percent < 3.0
    assert exam(slices=(7,)).truth.psg_percent < 0.05


def test_bubble_hides_the_top():
    image = slice_image(exam(slices=(7,), bubble_deg=16.0).role("T1"), 7)
    column = image[:, 140]  # beside the rail
    level = -95 * math.cos(math.radians(16)) * 256 / 250 + 127.5
    assert column[: int(level) - 1].max() < 0.2
    assert column[int(level) + 2] > 0.8


def test_what_the_scanner_stores():
    made = exam(slices=(7,), zero_border_px=3, bath_counts=5000.0, stored_max=4095)
    signal = made.role("T1").signal[:, :, 6, 0]
    assert signal.max() == 4095
    assert np.all(signal == np.rint(signal))
    assert signal[:3].max() == signal[-3:].max() == signal[:, :3].max() == signal[:, -3:].max() == 0
    masked = simulate_stack(
        PHANTOM,
        AcrSpec(snr=50.0, air_zero_threshold=0.06),
        np.random.default_rng(2),
        slices=(7,),
    ).signal[:, :, 6, 0]
    assert (masked[:20] == 0).mean() > 0.9
    assert masked[masked > 0].min() >= 0.06 * 1200 - 0.5


def test_field_smaller_than_the_phantom_folds_along_phase():
    image = slice_image(exam(slices=(7,), fov_mm=170.0, stored_max=9000).role("T1"), 7)
    # 15 mm beside the axis, the bath ends at y = 93.8 mm: 85 - 93.8 + 170 mm folds over.
    column = round(127.5 + 15 / 170 * 256)
    assert image[250:255, column].mean() == pytest.approx(2.0, abs=0.15)
    assert image[1:6, column].mean() == pytest.approx(2.0, abs=0.15)
    assert image[128, 1:6].mean() == pytest.approx(1.0, abs=0.1)


def test_same_seed_same_exam_other_seed_other_noise():
    spec = AcrSpec(snr=80.0)
    one, again, other = (
        simulate_exam(PHANTOM, spec, np.random.default_rng(seed), slices=(7,)) for seed in (1, 1, 2)
    )
    for a, b in zip(one.series, again.series, strict=True):
        assert np.array_equal(a.signal, b.signal)
        assert a.header.series_uid == b.header.series_uid
    assert not np.array_equal(one.series[0].signal, other.series[0].signal)
    assert len({s.header.series_uid for s in one.series}) == 2
    assert len({s.header.study_uid for s in one.series}) == 1


def test_roles_and_t2():
    t2 = AcrSpec(tr_ms=2000.0, te_ms=80.0, vial_signal=0.55, snr=math.inf)
    made = simulate_exam(
        PHANTOM, dataclasses.replace(t2, te_ms=20.0), np.random.default_rng(0), slices=(2,), t2=t2
    )
    assert made.roles == ("T1", "localizer", "T2")
    assert list(made.named) == list(made.roles)
    vial = made.role("T2").signal[78:86, 78:86, 1, 0]
    assert vial.mean() / 1200 == pytest.approx(0.55, abs=0.01)
    with pytest.raises(KeyError, match="repeat"):
        made.role("repeat")


@pytest.mark.parametrize(
    "wrong",
    [
        {"profile": "boxcar"},
        {"phase_encode_direction": "UP"},
        {"matrix": 255},
        {"interpolated_matrix": 128},
        {"snr": 0.0},
        {"n_coils": 0},
        {"tilt_deg": (40.0, 0.0)},
        {"shading_percent": 95.0},
    ],
)
def test_impossible_specifications_are_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        AcrSpec(**wrong)


def test_unknown_variant_is_refused():
    with pytest.raises(UsageError, match="'comb'"):
        simulate_stack(PHANTOM, AcrSpec(variant="comb"), np.random.default_rng(0))
