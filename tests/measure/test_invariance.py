"""Numbers do not depend on how a stack is stored or lies in the scanner."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from qiqa.locate import locate
from qiqa.simulate.spec import AcrSpec

TURNS = {
    # transposed, i flipped, j flipped: turns keep the hand, the other four mirror it
    "turned by 90": (True, True, False),
    "turned by 180": (False, True, True),
    "left and right exchanged": (False, True, False),
    "transposed": (True, False, False),
}


def stored(series, transposed, flip_i, flip_j, reverse=False):
    """Return the same pixels in another order; the header stays as it is."""
    signal = series.signal
    if transposed:
        signal = signal.transpose(1, 0, 2, 3)
    steps = tuple(-1 if flip else 1 for flip in (flip_i, flip_j, reverse))
    signal = signal[:: steps[0], :: steps[1], :: steps[2]]
    return dataclasses.replace(series, signal=np.asfortranarray(signal))


def compare(base, other, relative, absolute=0.0):
    assert other.keys() == base.keys()
    for name, m in base.items():
        assert other[name].measured == m.measured, name
        if m.measured:
            expected = pytest.approx(m.value, rel=relative, abs=absolute)
            assert other[name].value == expected, name
            assert other[name].standard_uncertainty == pytest.approx(
                m.standard_uncertainty, rel=max(relative, 1e-6), abs=absolute
            ), name


def mirrors(name):
    transposed, flip_i, flip_j = TURNS[name]
    return transposed ^ flip_i ^ flip_j


@pytest.mark.parametrize("name", TURNS)
def test_turns_and_mirrors_of_a_real_stack(acr_located, acr_numbers, numbers_of, phantom, name):
    folder = "GE_Artist_1.5T_T1"
    series = stored(acr_located(folder)[0], *TURNS[name], reverse=mirrors(name))
    pose = locate(series, phantom)
    # both hands exchanged (in the plane and along the axis) leave a phantom that can be real
    assert not pose.mirrored
    assert pose.reversed_order == mirrors(name)
    if mirrors(name):
        # the circle is sought by random triples of points, whose order mirroring changes:
        # centers then differ by some thousandths of a pixel
        compare(acr_numbers(folder), numbers_of(series, pose), 2e-4, 1e-3)
    else:
        compare(acr_numbers(folder), numbers_of(series, pose), 1e-9, 1e-10)


@pytest.mark.parametrize("folder", ["SiemensMTF"])
def test_mirrored_along_the_axis_only(acr_located, acr_numbers, numbers_of, phantom, folder):
    series = stored(acr_located(folder)[0], True, True, False, reverse=True)
    pose = locate(series, phantom)
    assert pose.mirrored
    assert pose.reversed_order
    compare(acr_numbers(folder), numbers_of(series, pose), 1e-7, 1e-8)


POSES = [
    (3.7, 256, "grid", 0.0),
    (-17.2, 256, "plate", 12.0),
    (41.0, 256, "plate", 0.0),
    pytest.param(66.6, 512, "plate", 12.0, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("turn", "matrix", "variant", "bubble"), POSES)
def test_intervals_hold_the_truth_at_any_turn(
    acr_simulated, numbers_of, phantom, turn, matrix, variant, bubble
):
    """Values of simulated exams without noise: what is left is the method's own error."""
    spec = AcrSpec(
        rotation_deg=turn,
        matrix=matrix,
        variant=variant,
        bubble_deg=bubble,
        snr=math.inf,
        displacement_mm=1.1,
        gradient_error_percent=(0.8, -0.6, 0.3),
        thickness_mm=5.4,
        shading_percent=12.0,
        tilt_deg=(0.5, -0.4),
    )
    exam = acr_simulated(spec)
    truth = exam.truth
    found = numbers_of(exam.series[0], locate(exam.series[0], phantom))
    expected = {
        "slice_thickness": truth.thickness_mm,
        "slice_position_slice1": truth.bar_difference_slice1_mm,
        "slice_position_slice11": truth.bar_difference_slice11_mm,
        "piu": truth.piu_percent,
        "psg": truth.psg_percent,
        "diameter_slice1_lr": truth.diameter_lr_mm,
        "diameter_slice1_ap": truth.diameter_ap_mm,
        "diameter_slice5_lr": truth.diameter_lr_mm,
        "diameter_slice5_ap": truth.diameter_ap_mm,
        "diameter_slice5_d1": truth.diameter_d1_mm,
        "diameter_slice5_d2": truth.diameter_d2_mm,
    }
    for name, value in expected.items():
        interval = found[name].interval
        assert interval.low <= value <= interval.high, name
        # and they are worth stating: narrower than a quarter of the ACR's limit or so
        if name.startswith("diameter"):
            assert interval.high - interval.low < 1.0, name
    # an image without noise has no noise to divide by
    assert not found["snr_background"].measured


def cropped(series, crop):
    signal = np.asfortranarray(series.signal[crop])
    header = dataclasses.replace(series.header, shape=signal.shape)
    return dataclasses.replace(series, header=header, signal=signal)


def test_a_cropped_stack_says_what_it_lacks(acr_simulated, numbers_of, phantom):
    exam = acr_simulated(AcrSpec(snr=100.0, center_offset_mm=(1.3, -0.8), displacement_mm=0.6))
    whole = exam.series[0]
    reference = numbers_of(whole, locate(whole, phantom))
    # 3 mm of air on each side, then none at all
    for crop, lacking in (
        (np.s_[28:229, 26:226], ("psg",)),
        (np.s_[33:224, 32:222], ("psg", "snr_background")),
    ):
        tight = cropped(whole, crop)
        found = numbers_of(tight, locate(tight, phantom))
        for name in lacking:
            assert not found[name].measured
            assert math.isnan(found[name].value)
            assert "air" in found[name].reason
        for name in ("diameter_slice5_d1", "slice_thickness", "piu", "snr_local"):
            m, r = found[name], reference[name]
            allowed = 2 * max(m.standard_uncertainty, r.standard_uncertainty)
            assert abs(m.value - r.value) < allowed, name
