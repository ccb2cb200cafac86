"""The artifact screen: quiet on clean simulated stacks, and it names each planted artifact."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import pytest

from qiqa.core.finding import Finding, Severity
from qiqa.locate import locate
from qiqa.measure import StackView
from qiqa.measure.artifacts import measure
from qiqa.measure.outcome import Outcome
from qiqa.simulate.spec import AcrSpec

BATH = 1200.0
PLAIN = AcrSpec(snr=100.0, center_offset_mm=(1.3, -0.8), displacement_mm=0.6)
CLEAN = {
    "plain": PLAIN,
    "noisy, eight coils, border": AcrSpec(
        snr=30.0, n_coils=8, zero_border_px=5, shading_percent=20.0, variant="grid"
    ),
    "quiet, turned, shaded": AcrSpec(
        snr=300.0,
        n_coils=4,
        rotation_deg=4.0,
        shading_percent=35.0,
        variant="grid",
        displacement_mm=-2.5,
        zero_border_px=3,
    ),
    "straight, quiet": AcrSpec(snr=300.0, variant="plate", phase_encode_direction="ROW"),
    "masked air": AcrSpec(snr=100.0, air_zero_threshold=0.02, n_coils=2, tilt_deg=(0.7, -0.5)),
}


@pytest.fixture(scope="module")
def screened(acr_simulated, phantom) -> Callable[..., Outcome]:
    """Return a function that screens a simulated stack, changed by another function or not."""

    @functools.cache
    def located(spec):
        series = acr_simulated(spec).series[0]
        return series, locate(series, phantom)

    def screen(spec, change=None, turn=False):
        series, pose = located(spec)
        if change is not None:
            signal = series.signal.copy(order="F")
            change(signal)
            series = dataclasses.replace(series, signal=np.rint(signal).clip(0, 4095))
        if turn:
            signal = np.asfortranarray(series.signal.transpose(1, 0, 2, 3)[::-1])
            series = dataclasses.replace(series, signal=signal)
            pose = locate(series, phantom)
        return measure(StackView(series, pose, phantom, "T1"), ())

    return screen


def only(outcome: Outcome, code: str) -> Finding:
    """Return the one finding of an outcome, which has this code, and a picture."""
    assert [f.code for f in outcome.findings] == [code]
    assert len(outcome.evidence) == 1
    finding = outcome.findings[0]
    assert finding.hint
    assert finding.where
    assert finding.series_uid
    return finding


def stripes(k, amplitude, cycles):
    """Lay a complex wave of `cycles` per field along i and j over one slice."""

    def change(signal):
        n = signal.shape[0]
        i, j = np.indices((n, n))
        wave = amplitude * BATH * np.exp(2j * np.pi * ((cycles[0] * i + cycles[1] * j) / n + 0.2))
        signal[:, :, k, 0] = np.abs(signal[:, :, k, 0] + wave)

    return change


def line(k, amplitude, at, *, vertical=True):
    """Lay a dashed line along a column or a row over one slice, as interference does."""

    def change(signal):
        n = signal.shape[0]
        dashes = amplitude * BATH * np.where(np.arange(n) // 2 % 2, 1.0, 0.5)
        where = np.s_[at, :, k, 0] if vertical else np.s_[:, at, k, 0]
        signal[where] = np.hypot(signal[where], dashes)

    return change


@pytest.mark.parametrize("name", CLEAN)
def test_clean_stacks_say_nothing(screened, name):
    outcome = screened(CLEAN[name])
    assert outcome.measurements == ()
    assert [f.message for f in outcome.findings] == []
    assert outcome.evidence == ()


@pytest.mark.parametrize(
    ("slice_number", "amplitude", "cycles"),
    [(7, 0.02, (40, 31)), (9, 0.02, (-70, 55)), (8, 0.03, (50, 90)), (11, 0.015, (100, -61))],
)
def test_a_spike_is_named_by_size_and_spacing(screened, slice_number, amplitude, cycles):
    finding = only(screened(PLAIN, stripes(slice_number - 1, amplitude, cycles)), "artifact_spike")
    assert f"slice {slice_number}: " in finding.message
    share = float(finding.message.split(f"slice {slice_number}: ")[1].split(" %")[0])
    assert share == pytest.approx(100 * amplitude, rel=0.25, abs=0.1)
    spacing = float(finding.message.split("every ")[1].split(" mm")[0])
    assert spacing == pytest.approx(250 / np.hypot(*cycles), abs=0.06)


def test_a_spike_on_a_slice_full_of_plastic_is_found_and_reads_low(screened):
    finding = only(screened(PLAIN, stripes(1, 0.03, (50, 90))), "artifact_spike")
    # stripes show in the bath only, and it is not everywhere
    share = float(finding.message.split("slice 2: ")[1].split(" %")[0])
    assert 1.5 < share < 3.0


def test_a_spike_too_weak_to_be_seen_is_left_alone(screened):
    assert screened(PLAIN, stripes(6, 0.004, (40, 31))).findings == ()


@pytest.mark.parametrize("vertical", [True, False])
@pytest.mark.parametrize(
    ("spec", "amplitude"), [("plain", 0.05), ("noisy, eight coils, border", 0.2)]
)
def test_a_zipper_is_named_by_place(screened, vertical, spec, amplitude):
    outcome = screened(CLEAN[spec], line(5, amplitude, 201, vertical=vertical))
    finding = only(outcome, "artifact_zipper")
    assert f"{'column' if vertical else 'row'} 202 " in finding.message
    assert "on slice 6" in finding.message
    # phase is encoded along columns in these exams: interference runs along it
    assert ("phase" if vertical else "frequency") in finding.message
    assert ("interference" if vertical else "free induction") in finding.hint


def test_a_zipper_in_a_turned_copy_keeps_its_direction_in_the_file(screened):
    finding = only(screened(PLAIN, line(5, 0.08, 201), turn=True), "artifact_zipper")
    # the line now runs along the stored rows, where the header still says frequency
    assert "along the rows (frequency" in finding.message


def test_a_line_through_the_center_is_an_offset(screened):
    finding = only(screened(PLAIN, line(3, 0.06, 128)), "artifact_dc")
    assert "center" in finding.message


@pytest.mark.parametrize("amplitude", [0.15, 0.5])
def test_a_point_at_the_center(screened, amplitude):
    def change(signal):
        signal[128, 128, (5, 6, 7), 0] += amplitude * BATH

    finding = only(screened(PLAIN, change), "artifact_dc")
    assert "point" in finding.message
    assert "slices 6 to 8" in finding.message


@pytest.mark.parametrize(("phase", "ghost"), [("ROW", None), ("COL", "ROW")])
def test_a_ghost_tells_its_direction(screened, phase, ghost):
    spec = AcrSpec(
        snr=100.0, phase_encode_direction=phase, ghost_direction=ghost, ghost_fraction=0.04
    )
    finding = only(screened(spec), "artifact_ghost")
    direction = ghost or phase
    assert ("along the columns" if direction == "COL" else "along the rows") in finding.message
    assert ("phase" if ghost is None else "frequency") in finding.message
    assert ("lie along phase encoding" in finding.hint) == (ghost is not None)
    signed = float(finding.message.split("signed ghost ratio ")[1].split(" %")[0])
    assert np.sign(signed) == (1 if direction == "COL" else -1)
    # two of four regions see a copy of 4 % of the bath, or of what of it reaches them
    assert 1.0 < abs(signed) <= 4.5
    assert finding.severity in (Severity.INFO, Severity.WARNING)


def test_fold_over(screened):
    spec = AcrSpec(snr=100.0, center_offset_mm=(41.0, 0.0), phase_encode_direction="ROW")
    finding = next(f for f in screened(spec).findings if f.code == "artifact_wrap")
    # 95 + 41 - 125 = 11 mm stick out, and come in again on the other side
    assert "right by 11 mm" in finding.message
    assert "left " in finding.message.split("bright signal in air")[1]
    assert "(phase" in finding.message


def test_a_bubble_is_named_by_its_arc(screened):
    spec = AcrSpec(snr=60.0, bubble_deg=13.0, variant="grid")
    finding = only(screened(spec), "artifact_bubble")
    assert finding.severity is Severity.INFO
    assert "slices 1 to 11" in finding.message
    words = finding.message.split("from ")[1].split()
    left, right = float(words[0]), float(words[4])
    assert (left, right) == pytest.approx((13.0, 13.0), abs=2.0)


def test_clipped_pixels_are_counted(screened):
    def change(signal):
        signal[100:110, 150, 6, 0] = 5000
        signal[100, 150, 2, 0] = 5000  # one pixel alone may be the top of an automatic scale

    finding = only(screened(PLAIN, change), "clipped_pixels")
    assert "4095 (slice 7: 10 pixels)" in finding.message
    assert finding.severity is Severity.WARNING


def test_a_stack_without_slice_7_is_screened_too(acr_simulated, phantom):
    series = acr_simulated(PLAIN).series[0]
    kept = [k for k in range(11) if k != 6]
    signal = series.signal[:, :, kept].copy(order="F")
    line(5, 0.08, 201)(signal)
    z = tuple(series.header.slice_positions_mm[k] for k in kept)
    header = dataclasses.replace(series.header, shape=signal.shape, slice_positions_mm=z)
    cut = dataclasses.replace(series, header=header, signal=signal)
    outcome = measure(StackView(cut, locate(cut, phantom), phantom, "T1"), ())
    assert [f.code for f in outcome.findings] == ["artifact_zipper"]


SEEN_ON_REAL_SCANS = {
    # by eye, images windowed to the air, the wall and the bath
    "GE": {"artifact_bubble"},
    "GE_Artist_1.5T_T1": set(),
    "GE_Artist_1.5T_T2": set(),
    "GE_Signa_3T_T1": {"artifact_bubble"},
    "GE_Signa_3T_T2": {"artifact_bubble", "artifact_dc"},
    "Philips3TdStream": set(),
    "PhilipsAchieva": set(),
    "Siemens": {"artifact_bubble", "artifact_zipper", "clipped_pixels"},
    "Siemens2": {"artifact_bubble", "artifact_zipper", "clipped_pixels"},
    "SiemensLargeSliceLocationDelta": set(),
    "SiemensMTF": {"artifact_bubble"},
    "Siemens_Aera_1.5T_T1": {"artifact_bubble"},
    "Siemens_Aera_1.5T_T2": {"artifact_bubble"},
    "Siemens_MagnetomSkyra_3T_T1": {"artifact_zipper"},
    "Siemens_Sola_1.5T_T1": {"artifact_bubble"},
}


@pytest.mark.parametrize("folder", SEEN_ON_REAL_SCANS)
def test_real_scans_show_what_the_eye_sees(acr_located, phantom, folder):
    series, pose = acr_located(folder)
    outcome = measure(StackView(series, pose, phantom, "T1"), ())
    assert {f.code for f in outcome.findings} == SEEN_ON_REAL_SCANS[folder]
