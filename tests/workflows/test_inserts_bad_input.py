"""Arrangements where something is not as it should be: a reason in words, and the rest stands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from qiqa.core.errors import LocateError
from qiqa.core.measurement import Measurement
from qiqa.io.definitions import load_phantom, load_protocol
from qiqa.locate import locate_together
from qiqa.measure import Conditions, measure
from qiqa.simulate.arrangement import SimulatedArrangement, simulate_arrangement
from qiqa.simulate.arrangement_spec import ArrangementSpec
from qiqa.workflows.mapping_inserts import mapped_views

VIALS = ArrangementSpec(
    kind="dwi", serial="128-0155", temperature_degc=0.0, matrix=128, fov_mm=220.0, n_slices=5,
    thickness_mm=5.0, snr=80.0, b_values=(0.0, 500.0, 1000.0, 2000.0),
)  # fmt: skip
STUDY = ("2.25.1", "2.25.2")


def made(phantom: str, spec: ArrangementSpec, seed: int = 0) -> SimulatedArrangement:
    return simulate_arrangement(
        load_phantom(phantom), spec, np.random.default_rng(seed), study=STUDY
    )


def outcomes(name, simulated, conditions, families=("insert_values",)):
    views, failed, notes = mapped_views(
        [s.series for s in simulated], load_phantom(name), load_protocol(name), conditions
    )
    return [o for v in views for o in measure(v, families, tuple(views))], failed, notes


def inserts(found) -> dict[str, Measurement]:
    return {m.insert: m for out in found for m in out.measurements if m.insert}


@pytest.fixture(scope="module")
def vials() -> SimulatedArrangement:
    return made("qiba_diffusion", VIALS)


def test_a_serial_number_that_no_batch_covers_gives_values_and_no_reference(vials):
    found, _, _ = outcomes("qiba_diffusion", [vials], Conditions(temperature_degc=0.0))
    unknown = Conditions(serial="999-1234", temperature_degc=0.0, field_strength_t=3.0)
    plate = made("nist_system", ArrangementSpec(kind="ir", group="T1", serial="130-0200", snr=80.0))
    read, _, _ = outcomes("nist_system", [plate], unknown)
    for m in inserts(read).values():
        assert m.measured
        assert m.reference is None
        assert any("no certificate" in said and "999-1234" in said for said in m.assumptions)
    assert inserts(found)


@pytest.mark.parametrize("degc", [-40.0, 60.0])
def test_a_temperature_outside_of_the_certificate_is_named(vials, degc):
    far = Conditions(serial="128-0155", temperature_degc=degc)
    found, _, _ = outcomes("qiba_diffusion", [vials], far)
    for m in inserts(found).values():
        assert m.reference is None
        assert any("no reference value" in said and f"{degc:g}" in said for said in m.assumptions)


def test_series_with_other_b_values_are_no_repeats(vials):
    other = made("qiba_diffusion", replace(VIALS, b_values=(0.0, 400.0, 800.0)), 1)
    families = ("insert_values", "insert_summary")
    found, _, _ = outcomes("qiba_diffusion", [vials, other], Conditions(), families)
    names = {m.quantity for out in found for m in out.measurements}
    assert "repeatability_wcv" not in names
    (finding,) = [f for out in found for f in out.findings]
    assert finding.code == "not_a_repeat"
    assert "b values differ" in finding.message


def test_the_same_settings_twice_are_repeats(vials):
    again = made("qiba_diffusion", VIALS, 1)
    families = ("insert_values", "insert_summary")
    found, _, _ = outcomes("qiba_diffusion", [vials, again], Conditions(), families)
    wcv = [m for out in found for m in out.measurements if m.quantity == "repeatability_wcv"]
    assert len(wcv) == 13
    assert not [f for out in found for f in out.findings]


def test_two_phantoms_in_one_study_do_not_disturb_each_other(vials):
    plate = made("nist_system", ArrangementSpec(kind="ir", group="T1", serial="130-0200", snr=80.0))
    found, failed, notes = outcomes("qiba_diffusion", [vials, plate], Conditions())
    assert len(inserts(found)) == 13
    assert len(failed) == 1
    assert any(note.code == "phantom_not_found" for note in notes)


def test_a_head_is_no_phantom():
    """Ellipses as of a head: scalp, brain, ventricles; none lies as spheres or vials do."""
    y, x = np.mgrid[-1:1:128j, -1:1:128j]

    def inside(cx: float, cy: float, a: float, b: float) -> np.ndarray:
        return ((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 < 1

    image = 300.0 * inside(0, 0, 0.75, 0.9) + 500.0 * inside(0, 0, 0.65, 0.8)
    for cx, cy, a, b in ((-0.15, 0.1, 0.1, 0.3), (0.15, 0.1, 0.1, 0.3), (0, -0.5, 0.1, 0.06)):
        image[inside(cx, cy, a, b)] = 1500.0
    series = made("qiba_diffusion", replace(VIALS, n_slices=1)).series
    decay = np.exp(-np.array(series.header.encoding.values) * 0.8e-3)
    noise = np.random.default_rng(3).normal(0, 10, series.signal.shape)
    signal = np.abs(image.T[:, :, None, None] * decay + noise).astype(np.float32)
    for name in ("qiba_diffusion", "nist_system"):
        (found,) = locate_together([replace(series, signal=signal)], load_phantom(name))
        assert isinstance(found, LocateError)
