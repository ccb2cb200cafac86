"""Slices of shaped pulses, against rotations on paper."""

import numpy as np
import pytest

from qiqa.simulate.pulses import WINDOWS, excited, refocusing_deg


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("flip", [30.0, 90.0, 160.0])
def test_the_middle_is_turned_by_the_flip_angle(window, flip):
    place = np.zeros(1)
    assert refocusing_deg(flip, window, 3.0, place) == pytest.approx(flip)
    assert excited(flip, window, 3.0, place) == pytest.approx(np.sin(np.radians(flip)))


@pytest.mark.parametrize("window", ["hann", "hamming", "none"])
def test_small_angles_excite_the_spectrum_of_the_pulse(window):
    """First order in the flip angle: the Fourier transform of the pulse."""
    place, product, flip = np.linspace(0.0, 1.5, 40), 4.0, 0.5
    t = (np.arange(2000) + 0.5) / 2000 - 0.5
    share = {"hann": 0.5, "hamming": 0.46, "none": 0.0}[window]
    shape = np.sinc(product * t) * (1 - share + share * np.cos(2 * np.pi * t))
    spectrum = np.cos(2 * np.pi * product * np.outer(place, t)) @ shape / shape.sum()
    assert excited(flip, window, product, place) == pytest.approx(
        np.radians(flip) * spectrum, abs=2e-5
    )


def test_a_long_pulse_turns_a_box():
    place = np.array([0.1, 0.3, 0.7, 1.0])
    assert refocusing_deg(60.0, "hann", 16.0, place) == pytest.approx([60, 60, 0, 0], abs=3)
