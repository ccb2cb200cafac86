"""Which series of the protocol a stack is, from its timing and never from its name."""

import numpy as np
import pytest

from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import Encoding, FrameSource, SeriesHeader
from qiqa.io.definitions import load_protocol
from qiqa.workflows.roles import deviations, role_of, volume_of, wrong_count


@pytest.fixture(scope="module")
def protocol():
    return load_protocol("acr_large_2022")


def header(echoes=(20.0,), slices=11, **settings):
    on_protocol = {
        "tr_ms": 500.0,
        "te_ms": echoes[0],
        "slice_thickness_mm": 5.0,
        "slice_spacing_mm": 10.0,
        "averages": 1.0,
        "fov_mm": (250.0, 250.0),
        "matrix": (256, 256),
        "echo_train_length": 1,
    }
    several = len(echoes) > 1
    return SeriesHeader(
        series_uid="1.2",
        description="this name says nothing",
        scanner=Scanner(),
        acquisition=Acquisition(**{**on_protocol, **settings}),
        affine=np.eye(4),
        shape=(256, 256, slices, len(echoes)),
        encoding=Encoding(name="echo_time", values=echoes, unit="ms") if several else Encoding(),
        frames=tuple((FrameSource(path="x"),) * slices for _ in echoes),
        slice_positions_mm=tuple(10.0 * k for k in range(slices)),
    )


@pytest.mark.parametrize(
    ("tr_ms", "te_ms", "role"),
    [
        (500.0, 20.0, "T1"),
        (1000.0, 30.0, "T1"),
        (2000.0, 80.0, "T2"),
        (2000.0, 20.0, "other"),
        (500.0, 80.0, "other"),
        (None, 20.0, "other"),
        (500.0, None, "other"),
    ],
)
def test_timing_decides(protocol, tr_ms, te_ms, role):
    found, expected = role_of(header((te_ms,), tr_ms=tr_ms), "axial_stack", protocol)
    assert found == role
    assert (expected is None) == (role == "other")


def test_the_view_decides_first(protocol):
    assert role_of(header(tr_ms=200.0), "localizer", protocol)[0] == "localizer"
    assert role_of(header(tr_ms=200.0), "axial_stack", protocol)[0] == "other"


@pytest.mark.parametrize(("echoes", "volume"), [((20.0, 80.0), 1), ((80.0, 20.0), 0), ((80.0,), 0)])
def test_of_two_echoes_the_second_is_the_t2(protocol, echoes, volume):
    series = header(echoes, tr_ms=2000.0)
    role, expected = role_of(series, "axial_stack", protocol)
    assert role == "T2"
    assert volume_of(series, expected) == volume
    assert deviations(series, expected, volume) == ()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, ()),
        ({"tr_ms": 1000.0}, ("TR 1000 ms instead of 500 ms",)),
        ({"echoes": (30.0,)}, ("TE 30 ms instead of 20 ms",)),
        ({"matrix": (512, 512)}, ("matrix 512 x 512 instead of 256 x 256",)),
        ({"fov_mm": (260.0, 260.0)}, ("field of view 260 mm instead of 250 mm",)),
        ({"slice_thickness_mm": 4.0}, ("slice thickness 4 mm instead of 5 mm",)),
        ({"averages": 2.0}, ("averages 2 instead of 1",)),
        ({"echo_train_length": 3}, ("echo train 3 instead of 1",)),
        ({"averages": None, "fov_mm": None, "matrix": None}, ()),
    ],
)
def test_departures_are_said_in_words(protocol, settings, said):
    series = header(**settings)
    _, expected = role_of(series, "axial_stack", protocol)
    assert deviations(series, expected, 0) == said


def test_a_missing_slice_is_no_departure_of_the_settings(protocol):
    series = header(slices=10)
    _, expected = role_of(series, "axial_stack", protocol)
    assert deviations(series, expected, 0) == ()
    assert wrong_count(series, expected) == "10 slices instead of 11"
    assert wrong_count(header(), expected) is None


def test_a_series_of_no_role_departs_as_a_whole():
    assert deviations(header(), None, 0) == ("not a series of this protocol",)
    assert wrong_count(header(), None) is None
