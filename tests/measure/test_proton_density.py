"""Proton density on rendered plates, under coils that shade them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qiqa.core.pose import PhantomPose
from qiqa.io.definitions import load_phantom
from qiqa.locate import locate_together
from qiqa.measure import Conditions, InsertView, measure
from qiqa.simulate.arrangement import simulate_arrangement
from qiqa.simulate.arrangement_spec import ArrangementSpec, Filling

PHANTOM = load_phantom("nist_system")
CONTENT = {f"PD-{n}": c for n, c in enumerate(
    (5, 10, 15, 20, 25, 30, 35, 40, 50, 60, 70, 80, 90, 100), start=1)}  # fmt: skip
WATER = Filling(t1_ms=2000.0, t2_ms=1500.0)


@pytest.fixture(scope="module")
def plate() -> InsertView:
    fillings = tuple((label, replace(WATER, pd=c / 100)) for label, c in CONTENT.items())
    spec = ArrangementSpec(
        kind="pd", group="PD", serial="130-0200", fov_mm=240.0, snr=200.0, fillings=fillings,
        bath=WATER,
    )  # fmt: skip
    made = simulate_arrangement(PHANTOM, spec, np.random.default_rng(1))
    series = made.series.volumes([0])
    series = replace(series, header=replace(series.header, encoding=type(series.header.encoding)()))
    (pose,) = locate_together([series], PHANTOM)
    assert isinstance(pose, PhantomPose)
    given = next(
        p
        for p in (pose, *pose.alternatives)
        if p.inserts and {i.group for i in p.inserts} == {"PD"}
    )
    places = {t: np.array(made.truth.insert(t).center_voxel) for t in CONTENT}
    named = tuple(
        replace(i, label=min(places, key=lambda t: np.hypot(*(places[t] - i.center_voxel)[:2])))
        for i in given.inserts
    )
    pose = replace(given, inserts=named, labels="independent", alternatives=())
    return InsertView(
        series, pose, PHANTOM, "PD", conditions=Conditions(serial="130-0200", temperature_degc=20.0)
    )


def shaded(view: InsertView, across: float) -> InsertView:
    ni, nj = view.series.header.shape[:2]
    i, j = np.meshgrid(np.linspace(-1, 1, ni), np.linspace(-1, 1, nj), indexing="ij")
    coil = 1.0 + across * i + 0.5 * across * j**2
    signal = (view.series.signal * coil[:, :, None, None]).astype(np.float32)
    return replace(view, series=replace(view.series, signal=signal))


@pytest.mark.parametrize("across", [0.0, 0.3, -0.6])
def test_contents_come_back_under_any_coil(plate, across):
    view = shaded(plate, across)
    (out,) = measure(view, ("proton_density",), (view,))
    found = {m.insert: m for m in out.measurements}
    assert set(found) == set(CONTENT)
    for label, content in CONTENT.items():
        assert found[label].value == pytest.approx(content, abs=2.0), label
        assert found[label].interval.low <= content <= found[label].interval.high


def test_without_a_bath_there_is_none(plate):
    """Spheres in air: what is around them is no water."""
    inside = np.zeros(plate.series.signal.shape[:2], dtype=bool)
    ni, nj = inside.shape
    i, j = np.meshgrid(np.arange(ni), np.arange(nj), indexing="ij")
    size = plate.series.header.voxel_size_mm
    for insert in plate.pose.inserts:
        ci, cj, _ = insert.center_voxel
        inside |= np.hypot((i - ci) * size[0], (j - cj) * size[1]) < 8.0
    signal = np.where(inside[:, :, None, None], plate.series.signal, 1.0).astype(np.float32)
    view = replace(plate, series=replace(plate.series, signal=signal))
    (out,) = measure(view, ("proton_density",), (view,))
    assert not any(m.measured for m in out.measurements)
    assert all("no bath" in m.reason for m in out.measurements)
