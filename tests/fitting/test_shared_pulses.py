"""T2 of several liquids whose trains share pulses that nobody knows.

Trains are made by the simulator: Bloch equations and graph of its own, no code in common.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from qiqa.core.errors import FitError
from qiqa.fitting.shared_pulses import Trains, fit_shared_pulses, refit_t2
from qiqa.simulate import pulses
from qiqa.simulate.relaxation import echo_train

# NIST/ISMRM system phantom, MnCl2 at 3 T, about
T2 = np.array([552.0, 380.0, 267.0, 175.0, 113.0, 89.0, 63.0, 44.0, 30.0, 19.4])
T1 = np.array([2380.0, 2180.0, 1870.0, 1540.0, 1240.0, 1030.0, 750.0, 550.0, 413.0, 293.0])
SPACING, ECHOES, THICKNESS = 10.0, 32, 6.0
TURN = 2 * np.pi * np.arange(T2.size) / T2.size
PLACE = 50.0 * np.column_stack((np.cos(TURN), np.sin(TURN)))


def made(window="hann", products=(3.0, 4.5), width=1.3, b1=0.93, noise=0.0, seed=0, offset=0.0):
    """Return trains of spheres of 15 mm, as slices of 6 mm cut them `offset` off their middle."""
    z = np.linspace(-1.5, 1.5, 301)
    angle = np.degrees(np.arcsin(pulses.excited(90 * b1, window, products[0], z)))
    turn = pulses.refocusing_deg(180 * b1, window, products[1], z / width)
    each = echo_train(T1, T2, SPACING, ECHOES, angle, turn)
    off = np.broadcast_to(offset, T2.shape)[:, None]
    filled = np.clip((7.5**2 - (z * THICKNESS - off) ** 2) / 4.0**2, 0.0, 1.0)
    signal = (each * filled[:, :, None]).sum(axis=1)
    signal *= 1000.0 / signal.max()
    signal = signal + noise * np.random.default_rng(seed).standard_normal(signal.shape)
    return Trains(
        signal=signal,
        used=np.cumsum(signal < 20.0, axis=1) == 0,
        spacing_ms=SPACING,
        t1_ms=T1,
        noise_sd=np.full(T2.size, noise),
        position_mm=PLACE,
        radius_mm=np.full(T2.size, 7.5),
        disk_mm=np.full(T2.size, 4.0),
        offset_mm=np.zeros(T2.size),
        thickness_mm=THICKNESS,
    )


def test_pulses_and_t2_come_back():
    found = fit_shared_pulses(made(noise=0.2))
    assert found.t2_ms == pytest.approx(T2, rel=0.006)
    assert found.b1 == pytest.approx(0.93, abs=0.02)
    assert found.pulses.refocusing_time_bandwidth == pytest.approx(4.5, rel=0.1)
    assert found.pulses.refocusing_width == pytest.approx(1.3, rel=0.15)


@pytest.mark.parametrize("window", ["hamming", "gauss", "none"])
def test_pulses_of_another_family_change_t2_by_less_than_it_says(window):
    products = (2.1, 2.1) if window == "gauss" else (3.0, 4.0)
    found = fit_shared_pulses(made(window, products, noise=1.0))
    u = np.hypot(found.u_fixed, found.u_pulses)
    assert (np.abs(np.log(found.t2_ms / T2)) < 3 * u).all()
    assert found.t2_ms == pytest.approx(T2, rel=0.03)


@pytest.mark.parametrize("along", [0, 1])
def test_a_tilted_slice_is_found(along):
    """3 degrees, 2.6 mm at the rim: taken for one in the middle, T2 is off by several percent."""
    tilt = math.tan(math.radians(3.0))
    found = fit_shared_pulses(made(noise=0.2, offset=1.0 + tilt * PLACE[:, along]))
    assert found.t2_ms == pytest.approx(T2, rel=0.015)
    far = np.abs(1.0 + tilt * PLACE[:, along]) > 2.5
    assert np.abs(found.offset_mm[far]).min() > 2.0


def test_the_first_echoes_may_be_missing():
    """They tell most of the pulses; without them T2 is less certain, not wrong."""
    whole = made(noise=0.5)
    late = dataclasses.replace(whole, used=whole.used & (np.arange(ECHOES) >= 3))
    enough = late.used.sum(axis=1) >= 5
    late = dataclasses.replace(
        late,
        **{
            name: getattr(late, name)[enough]
            for name in ("signal", "used", "t1_ms", "noise_sd", "position_mm", "radius_mm",
                         "disk_mm", "offset_mm")
        },
    )  # fmt: skip
    found = fit_shared_pulses(late)
    u = np.hypot(found.u_fixed, found.u_pulses)
    assert (np.abs(np.log(found.t2_ms / T2[enough])) < 3 * u).all()
    assert found.b1 == pytest.approx(1.0, abs=0.15)


def test_intervals_hold_the_truth():
    """Twice the standard uncertainty, pulses, noise and misfit together."""
    rng = np.random.default_rng(7)
    inside = total = 0
    for seed in range(12):
        given = {
            "products": (rng.uniform(2.0, 4.0), rng.uniform(2.0, 7.0)),
            "width": rng.uniform(1.0, 1.5),
            "b1": rng.uniform(0.85, 0.98),
        }
        found = fit_shared_pulses(made(noise=2.0, seed=seed, **given))
        u = np.hypot(found.u_fixed, found.u_pulses)
        inside += int((np.abs(np.log(found.t2_ms / T2)) < 2 * u).sum())
        total += T2.size
    assert 0.9 * total <= inside  # 95 % of 120, less three standard deviations


def test_t2_of_other_signals_with_the_same_pulses():
    """A disk that is moved over the same liquids reads the same; one of longer T2 reads longer."""
    trains = made(noise=0.2)
    found = fit_shared_pulses(trains)
    assert refit_t2(trains, found) == pytest.approx(found.t2_ms, rel=1e-3)
    later = trains.signal * np.exp(SPACING * np.arange(1, ECHOES + 1) * (1 / 300.0 - 1 / 310.0))
    assert (refit_t2(dataclasses.replace(trains, signal=later), found) > found.t2_ms).all()


def test_how_t1_enters():
    """Longer T1 keeps stimulated echoes, so that the same train means a shorter T2."""
    found = fit_shared_pulses(made(noise=0.2))
    assert (found.per_t1 < 0).all()
    other = fit_shared_pulses(dataclasses.replace(made(noise=0.2), t1_ms=T1 * 1.2))
    expected = found.per_t1 * math.log(1.2)
    assert np.log(other.t2_ms / found.t2_ms) == pytest.approx(expected, abs=0.004)


def test_too_few_echoes_are_refused():
    trains = made()
    few = dataclasses.replace(trains, used=np.arange(ECHOES) < np.full((T2.size, 1), 3))
    with pytest.raises(FitError, match="30 echoes of 10 liquids"):
        fit_shared_pulses(few)


def test_a_train_of_falling_angles_is_not_fitted():
    """Angles that fall from echo to echo, as of a stabilised train, leave much of the signal."""
    trains = made(noise=0.2)
    n = np.arange(ECHOES)
    fallen = trains.signal * (1.0 + 0.08 * np.exp(-(((n - 4) / 1.5) ** 2)))
    found = fit_shared_pulses(dataclasses.replace(trains, signal=fallen))
    assert found.misfit_sd / np.median(found.s0) > 0.005
