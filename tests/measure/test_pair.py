"""SNR from two identical acquisitions: right for a repeat, refused for a phantom that moved."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from qiqa.io.definitions import load_phantom
from qiqa.locate import locate
from qiqa.measure import StackView, measure
from qiqa.simulate.acr_large import simulate_stack
from qiqa.simulate.spec import AcrSpec

SPEC = AcrSpec(snr=100.0)


@pytest.fixture(scope="module")
def phantom():
    return load_phantom("acr_large")


@pytest.fixture(scope="module")
def first(phantom):
    return view_of(SPEC, phantom, 1)


def view_of(spec, phantom, seed):
    series = simulate_stack(phantom, spec, np.random.default_rng(seed))
    return StackView(series, locate(series, phantom), phantom, "T1")


def pair(one, two):
    found = [
        m
        for view, other in ((one, two), (two, one))
        for outcome in measure(view, ("snr",), (view, other))
        for m in outcome.measurements
        if m.name == "snr_nema_method1"
    ]
    assert len(found) == 1, "a pair gives one value"
    return found[0]


def test_a_repeat_gives_the_signal_to_noise_ratio(first, phantom):
    value = pair(first, view_of(SPEC, phantom, 2))
    assert value.value == pytest.approx(100.0, rel=0.04)
    assert value.interval.low < value.value < value.interval.high


def test_a_phantom_that_moved_is_not_a_repeat(first, phantom):
    moved = dataclasses.replace(SPEC, center_offset_mm=(2.0, 0.0))
    value = pair(first, view_of(moved, phantom, 2))
    assert not value.measured
    assert "the phantom moved by 2." in value.reason


def test_two_images_in_one_series_are_a_pair(first, phantom):
    second = view_of(SPEC, phantom, 3).series
    signal = np.concatenate([first.series.signal, second.signal], axis=3)
    encoding = dataclasses.replace(
        first.series.header.encoding, name="repeat", values=(0.0, 1.0), unit="1"
    )
    frames = first.series.header.frames * 2
    header = dataclasses.replace(
        first.series.header, shape=signal.shape, encoding=encoding, frames=frames
    )
    both = dataclasses.replace(
        first.series, header=header, signal=np.asfortranarray(signal, dtype=np.float32)
    )
    view = dataclasses.replace(first, series=both)
    (outcome,) = measure(view, ("snr",), (view,))
    value = next(m for m in outcome.measurements if m.name == "snr_nema_method1")
    assert value.value == pytest.approx(100.0, rel=0.04)
    assert "image 1 of 2" in value.assumptions[0]
