"""What is shown of a fit: numbers, slices, voxels, and which points were left out."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from qiqa.core.maps import FitStatus, Parameter, ParameterMaps
from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import Encoding, FrameSource, Series, SeriesHeader
from qiqa.workflows.showing_fit import show_fit

TE_MS = (80.0, 20.0, 40.0, 60.0)
SHAPE = (20, 15, 9)
MODEL = SimpleNamespace(
    TITLE="decay",
    EQUATION="S = S0 exp(-TE / T2)",
    REFERENCES=("someone",),
    predict=lambda p, points: p[1] * np.exp(-points.values / p[0]),
)


def series(signal, **fields):
    header = SeriesHeader(
        series_uid="1",
        scanner=Scanner(),
        acquisition=Acquisition(tr_ms=2000.0),
        affine=np.eye(4),
        shape=signal.shape,
        encoding=Encoding(name="echo_time", values=TE_MS, unit="ms"),
        frames=tuple((FrameSource(path="a"),) for _ in TE_MS),
        slice_positions_mm=(0.0,),
    )
    return Series(header=header, signal=np.asfortranarray(signal, np.float32), **fields)


def maps(t2, **fields):
    estimates = np.stack([t2, np.where(np.isfinite(t2), 1000.0, np.nan)]).astype(np.float32)
    answered = np.isfinite(t2)
    given = {
        "model": "t2",
        "method": "least squares",
        "algorithm": "x/1",
        "parameters": (
            Parameter(name="t2", unit="ms", bids="T2map"),
            Parameter(name="s0", unit="signal", bids="S0map"),
        ),
        "estimates": estimates,
        "standard_errors": np.where(np.isfinite(estimates), 0.5, np.nan).astype(np.float32),
        "residual_sd": np.where(answered, 1.0, np.nan).astype(np.float32),
        "n_used": np.full(t2.shape, 4, dtype=np.uint16),
        "status": np.where(answered, FitStatus.CONVERGED, FitStatus.AT_BOUND).astype(np.uint8),
        "affine": np.eye(4),
        "n_points": 4,
    }
    return ParameterMaps(**{**given, **fields})


def decays(t2):
    with np.errstate(invalid="ignore"):
        return np.stack([1000 * np.exp(-te / np.nan_to_num(t2, nan=1.0)) for te in TE_MS], axis=-1)


@pytest.fixture
def water():
    """Return T2 of a phantom full of water with one small vial of short T2."""
    t2 = np.full(SHAPE, 200.0)
    t2[2:6, 2:6, 3:6] = 20.0
    t2[0] = np.nan
    return t2


def test_voxels_of_different_values_are_shown_whatever_fills_the_phantom(water):
    shown = show_fit(series(decays(water)), maps(water), MODEL, seconds=1.0)
    estimates = [curve.estimate for curve in shown.curves]
    assert min(estimates) == 20.0
    assert max(estimates) == 200.0
    middle = shown.slices[len(shown.slices) // 2]
    assert {curve.voxel[2] for curve in shown.curves} == {middle}


def test_points_rise_and_the_curve_is_that_of_the_estimate(water):
    shown = show_fit(series(decays(water)), maps(water), MODEL, seconds=1.0)
    for curve in shown.curves:
        assert curve.x == tuple(sorted(TE_MS))
        expected = 1000 * np.exp(-np.array(curve.x) / curve.estimate)
        np.testing.assert_allclose(curve.y, expected, rtol=1e-5)
        expected = 1000 * np.exp(-np.array(curve.curve_x) / curve.estimate)
        np.testing.assert_allclose(curve.curve_y, expected, rtol=1e-5)
        assert curve.used == (True,) * 4
        assert curve.standard_error == 0.5


def test_a_typical_voxel_is_shown_not_the_best_nor_the_worst():
    t2 = np.full(SHAPE, 100.0)
    rng = np.random.default_rng(2)
    residual = rng.permutation(np.linspace(1, 9, t2.size)).reshape(SHAPE).astype(np.float32)
    found = maps(t2, residual_sd=residual)
    shown = show_fit(series(decays(t2)), found, MODEL, seconds=1.0)
    assert shown.curves
    for curve in shown.curves:
        assert 2.5 < residual[curve.voxel] < 7.5


def test_points_left_out_are_told_apart():
    t2 = np.full((1, 1, 1), 40.0)
    signal = decays(t2)
    signal[0, 0, 0] = (np.nan, 4095.0, 2000.0, 900.0)  # at TE 80, 20, 40, 60
    found = maps(t2, n_used=np.full(t2.shape, 2, dtype=np.uint16))
    shown = show_fit(series(signal, stored_range=(0.0, 4095.0)), found, MODEL, seconds=1.0)
    assert shown.curves[0].used == (False, True, True, False)  # in the order of TE


def test_the_smallest_signals_are_those_at_the_noise_floor():
    t2 = np.full((1, 1, 1), 15.0)
    found = maps(t2, n_used=np.full(t2.shape, 2, dtype=np.uint16))
    shown = show_fit(series(decays(t2)), found, MODEL, seconds=1.0)
    assert shown.curves[0].used == (True, True, False, False)


def test_slices_are_spread_over_those_with_answers(water):
    water[:, :, :2] = np.nan
    shown = show_fit(series(decays(water)), maps(water), MODEL, seconds=1.0)
    assert len(shown.slices) == 3
    assert shown.slices == tuple(sorted(set(shown.slices)))
    assert min(shown.slices) >= 2


def test_nothing_answered_is_shown_as_such():
    t2 = np.full(SHAPE, np.nan)
    shown = show_fit(series(decays(t2)), maps(t2), MODEL, seconds=1.0)
    assert shown.curves == ()
    assert shown.summaries[0].n == 0
    assert np.isnan(shown.summaries[0].median)
    assert shown.slices == (4,)


def test_the_brightest_volume_is_shown(water):
    shown = show_fit(series(decays(water)), maps(water), MODEL, seconds=1.0)
    assert shown.image_label == "echo time 20 ms"
    assert shown.x_label == "echo time [ms]"


def test_summaries_stand_on_answers_alone(water):
    found = maps(water)
    shown = show_fit(series(decays(water)), found, MODEL, seconds=1.0)
    first = shown.summaries[0]
    assert first.n == np.isfinite(water).sum()
    assert (first.median, first.p95, first.unit) == (200.0, 200.0, "ms")
    unknown = dataclasses.replace(found, standard_errors=None)
    again = show_fit(series(decays(water)), unknown, MODEL, seconds=1.0)
    assert np.isnan(again.summaries[0].median_standard_error)


def test_a_model_without_prediction_shows_no_curve(water):
    plain = SimpleNamespace(TITLE="a", EQUATION="b", REFERENCES="one reference")
    shown = show_fit(series(decays(water)), maps(water), plain, seconds=1.0)
    assert shown.curves == ()
    assert shown.references == ("one reference",)
