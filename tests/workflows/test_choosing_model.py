"""Series and model from the acquisition, and the words that say why."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pytest

from qiqa.core.errors import ExamError, UsageError
from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.series import Encoding, FrameSource, SeriesHeader
from qiqa.workflows.choosing_model import choose
from qiqa.workflows.directions import averaging, count_directions

TI = (35.0, 75.0, 100.0, 125.0, 150.0, 250.0, 1000.0, 1500.0, 2000.0, 3000.0)
UNITS = {"b_value": "s/mm²", "flip_angle": "degree", "none": "", "repeat": "1"}
AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
NOWHERE = (0.0, 0.0, 0.0)
HALF = 0.5**0.5
SIX = (
    (HALF, HALF, 0.0), (HALF, -HALF, 0.0), (HALF, 0.0, HALF), (HALF, 0.0, -HALF),
    (0.0, HALF, HALF), (0.0, HALF, -HALF),
)  # fmt: skip
"""The classical six: the mean of g g^T is a third of the unit matrix."""


def header(name, values, *, directions=None, each_tr=None, **fields):
    acquisition = {k: fields.pop(k) for k in ("tr_ms", "spin_echo") if k in fields}
    given = {
        "series_uid": "1.2",
        "description": name,
        "modality": "MR",
        "scanner": Scanner(),
        "acquisition": Acquisition(acquired_at=dt.datetime(2019, 9, 14, 10, 2), **acquisition),
        "affine": np.eye(4),
        "shape": (64, 48, 5, len(values)),
        "encoding": Encoding(
            name=name,
            values=tuple(values),
            unit=UNITS.get(name, "ms"),
            directions=directions,
            tr_ms=each_tr,
        ),
        "frames": tuple((FrameSource(path="a"),) for _ in values),
        "slice_positions_mm": (0.0,),
    }
    return SeriesHeader(**{**given, **fields})


IR = header("inversion_time", TI, tr_ms=4500.0)
VFA = header("flip_angle", (2, 5, 10, 15), tr_ms=6.6)
SPIN_ECHOES = header("echo_time", (10, 20, 30), spin_echo=True, tr_ms=5000.0)
GRADIENT_ECHOES = header("echo_time", (2, 4, 6), spin_echo=False, tr_ms=500.0)
UNKNOWN_ECHOES = header("echo_time", (10, 20, 30))


def module(name, quantity, encoding):
    return SimpleNamespace(
        __name__=f"qiqa.models.{name}", QUANTITY=quantity, ENCODING=encoding, TITLE="a model"
    )


@pytest.mark.parametrize(
    ("quantity", "given", "model", "why"),
    [
        (
            "t1",
            IR,
            "t1_inversion_recovery",
            (
                "10 inversion times 35 to 3000 ms, one TR 4500 ms, magnitude: "
                "inversion recovery with polarity restored"
            ),
        ),
        (
            "t1",
            header("inversion_time", TI, component="real"),
            "t1_inversion_recovery_signed",
            "10 inversion times 35 to 3000 ms, real part: signed inversion recovery",
        ),
        (
            "t1",
            header("inversion_time", (50, 400, 1100), each_tr=(1000.0, 1500.0, 2460.0)),
            "t1_inversion_recovery_tr",
            (
                "3 inversion times 50, 400 and 1100 ms, TR 1000 to 2460 ms, magnitude: "
                "inversion recovery with polarity restored and the TR of each volume"
            ),
        ),
        (
            "t1",
            VFA,
            "t1_vfa",
            (
                "4 flip angles 2 to 15°, one TR 6.6 ms, magnitude: "
                "variable flip angles, spoiled gradient echo"
            ),
        ),
        (
            "t1",
            header("repetition_time", (100, 500, 2000)),
            "t1_saturation_recovery",
            "3 repetition times 100, 500 and 2000 ms, magnitude: saturation recovery",
        ),
        (
            "t2",
            SPIN_ECHOES,
            "t2",
            (
                "3 echo times 10, 20 and 30 ms, one TR 5000 ms, magnitude: "
                "mono-exponential decay of spin echoes"
            ),
        ),
        (
            "t2star",
            GRADIENT_ECHOES,
            "t2star",
            (
                "3 echo times 2, 4 and 6 ms, one TR 500 ms, magnitude: "
                "mono-exponential decay of gradient echoes"
            ),
        ),
        (
            "b1",
            header("flip_angle", (60, 120), tr_ms=10000.0),
            "b1_double_angle",
            "2 flip angles 60 and 120°, one TR 10000 ms, magnitude: double-angle method",
        ),
        (
            "adc",
            header("b_value", (0, 500, 500, 1000)),
            "adc",
            (
                "3 b-values 0, 500 and 1000 s/mm² in 4 volumes: "
                "directions not stated, mono-exponential decay"
            ),
        ),
    ],
)
def test_the_model_follows_from_the_acquisition(quantity, given, model, why):
    choice = choose([given], quantity, where="here")
    assert (choice.model, choice.why) == (model, why)
    assert choice.header is given
    assert choice.directions == "combined"


def test_vendor_trace_images_are_taken_and_named():
    trace = header("b_value", (0, 500, 1000), component="tracew", derived=True)
    choice = choose([trace], "adc", where="here")
    assert "vendor trace images" in choice.why


@pytest.mark.parametrize(
    ("quantity", "given", "said"),
    [
        ("t2", GRADIENT_ECHOES, "gradient echoes decay with T2*"),
        ("t2star", SPIN_ECHOES, "spin echoes decay with T2, not T2*"),
        ("t2", UNKNOWN_ECHOES, "does not say whether these are spin or gradient echoes"),
        ("t1", SPIN_ECHOES, "3 echo times 10, 20 and 30 ms, no inversion times or flip angles"),
        ("t1", header("none", (0.0,)), "one volume"),
        ("t1", header("inversion_time", (50, 400)), "2 different inversion times, at least 3"),
        ("t1", header("flip_angle", (2, 10)), "does not say the TR"),
        ("t1", header("flip_angle", (30, 60), tr_ms=500.0, spin_echo=True), "of a spin echo"),
        ("t1", header("flip_angle", (0, 10), tr_ms=5.0), "a flip angle of 0° has no signal"),
        ("b1", header("flip_angle", (60, 90), tr_ms=9e3), "flip angles 60, 90°: not two of which"),
        ("b1", header("flip_angle", (5, 10), tr_ms=20.0), "TR 20 ms is too short"),
        ("b1", VFA, "flip angles 2, 5, 10, 15°: not two"),
        (
            "t1",
            header("inversion_time", TI, component="real", each_tr=tuple(TI)),
            "real part with a TR that differs",
        ),
        ("t2", header("echo_time", (1, 2), component="real"), "the magnitude is needed"),
        ("t1", header("inversion_time", TI, component="phase"), "phase images, not the signal"),
        ("t1", header("inversion_time", TI, derived=True), "computed by the scanner"),
        ("adc", header("b_value", (0, 1), component="adc", derived=True), "adc map, not the sig"),
        (
            "t2",
            header("echo_time", (1, 2), component="tracew", derived=True),
            "computed by the scanner",
        ),
        ("t1", header("inversion_time", TI, modality="CT"), "CT, not MR"),
        ("adc", header("b_value", (800, 800, 800)), "1 different b-values, at least 2"),
    ],
)
def test_a_series_that_will_not_do_is_refused_with_the_reason(quantity, given, said):
    with pytest.raises(ExamError, match="no series here can give") as caught:
        choose([given], quantity, where="here")
    assert said in str(caught.value)
    assert "qiqa index" in caught.value.hint


def test_nothing_that_will_do_says_what_is_there_and_what_is_needed():
    with pytest.raises(ExamError) as caught:
        choose([IR, GRADIENT_ECHOES], "adc", where="exam.zip")
    text = str(caught.value)
    assert text.startswith("exam.zip: no series here can give an ADC map")
    assert "inversion_time (64 x 48 x 5, 2019-09-14 10:02): 10 inversion times" in text
    assert "two b-values or more" in text


def test_several_that_would_do_are_listed_and_one_is_chosen_by_number():
    second = header("inversion_time", TI, tr_ms=5000.0)
    with pytest.raises(ExamError, match="2 series can give a T1 map") as caught:
        choose([IR, SPIN_ECHOES, second], "t1", where="here")
    lines = caught.value.hint.splitlines()
    assert lines[1].startswith("    --series 1: inversion_time (64 x 48 x 5, 2019-09-14 10:02)")
    assert "one TR 5000 ms" in lines[2]
    assert len(lines) == 3
    assert choose([IR, SPIN_ECHOES, second], "t1", where="here", number=2).header is second
    with pytest.raises(UsageError, match="there is no series 3: 2 series"):
        choose([IR, second], "t1", where="here", number=3)
    assert choose([IR], "t1", where="here", number=1).header is IR


def test_a_model_asked_for_overrules_what_the_header_says_of_the_echo():
    offset = module("t2_offset", "t2", "echo_time")
    for given in (GRADIENT_ECHOES, UNKNOWN_ECHOES, SPIN_ECHOES):
        choice = choose([given], "t2", where="here", model=offset)
        assert choice.model == "t2_offset"
        assert choice.why.endswith("a model, as asked for")
    plain = module("t2", "t2", "echo_time")
    overruled = choose([GRADIENT_ECHOES], "t2", where="here", model=plain)
    assert overruled.model == "t2"
    assert [f.message for f in overruled.findings] == [
        "t2 as asked for, although: gradient echoes decay with T2*, which is shorter than T2"
    ]
    assert not choose([SPIN_ECHOES], "t2", where="here", model=plain).findings


def test_a_model_narrows_down_which_series_will_do():
    vfa = module("t1_vfa", "t1", "flip_angle")
    assert choose([IR, VFA], "t1", where="here", model=vfa).header is VFA


def test_a_model_of_another_quantity_is_wrong_usage():
    with pytest.raises(UsageError, match="'t2_offset' maps T2, not T1"):
        choose([IR], "t1", where="here", model=module("t2_offset", "t2", "echo_time"))


def diffusion(vectors, b=1000.0):
    return header("b_value", (0.0, *(b for _ in vectors)), directions=(NOWHERE, *vectors))


@pytest.mark.parametrize(
    ("vectors", "asked", "expected"),
    [
        (SIX, None, "trace"),
        (AXES, None, "trace"),
        (AXES[:1] * 4, None, "combined"),  # four repeats of one direction
        ((AXES[0], (-1.0, 0.0, 0.0)), None, "combined"),  # g and -g weight alike
        (SIX, "combined", "combined"),
        (SIX, "each", "each"),
        (SIX, "tensor", "tensor"),
        (AXES[:1], "trace", "trace"),
    ],
)
def test_directions(vectors, asked, expected):
    choice = choose([diffusion(vectors)], "adc", where="here", directions=asked)
    assert choice.directions == expected
    assert choice.model == ("diffusion_tensor" if expected == "tensor" else "adc")


def test_what_is_done_with_directions_is_said():
    assert "geometric mean over 6 directions at each b-value" in (
        choose([diffusion(SIX)], "adc", where="here").why
    )
    combined = choose([diffusion(SIX)], "adc", where="here", directions="combined")
    assert [f.code for f in combined.findings] == ["directions_combined"]


def test_directions_that_favor_an_axis_are_told():
    even = averaging(diffusion(SIX).encoding, None)
    assert not even.findings
    assert not averaging(diffusion(AXES).encoding, None).findings
    uneven = averaging(diffusion(AXES[:2]).encoding, None)
    assert [f.code for f in uneven.findings] == ["uneven_directions"]
    assert "b 1000" in uneven.findings[0].message
    assert "third of the trace" in even.words
    assert "third of the trace" not in uneven.words


def test_b_values_as_played_are_one_shell():
    """Some scanners state b with the imaging gradients in it: 995, 1000, 1005 is one b-value."""
    played = tuple(1000.0 + 2 * n for n in range(-3, 3))
    encoding = Encoding(name="b_value", values=(0.0, *played), directions=(NOWHERE, *SIX))
    assert count_directions(encoding) == 6
    assert averaging(encoding, None).directions == "trace"


def test_the_direction_of_a_weak_weighting_does_not_matter():
    encoding = Encoding(
        name="b_value",
        values=(0.0, 20.0, *(1000.0,) * 6),
        directions=(NOWHERE, AXES[0], *SIX),
    )
    assert not averaging(encoding, None).findings


def test_directions_are_counted_at_one_b_value():
    encoding = Encoding(
        name="b_value",
        values=(0.0, 500.0, 500.0, 1000.0, 1000.0, 1000.0),
        directions=(NOWHERE, AXES[0], AXES[1], AXES[0], AXES[1], AXES[2]),
    )
    assert count_directions(encoding) == 3
    assert count_directions(Encoding(name="b_value", values=(0.0, 1.0))) == 0


@pytest.mark.parametrize("asked", ["each", "tensor", "trace"])
def test_directions_that_are_not_known_cannot_be_told_apart(asked):
    unknown = header("b_value", (0, 1000))
    with pytest.raises(ExamError, match="headers state none"):
        choose([unknown], "adc", where="here", directions=asked)
    choice = choose([unknown, diffusion(SIX)], "adc", where="here", directions=asked)
    assert choice.directions == asked


def test_a_tensor_needs_six_directions():
    with pytest.raises(ExamError, match="a tensor needs 6 or more"):
        choose([diffusion(AXES)], "adc", where="here", directions="tensor")


def test_the_tensor_by_its_model_name_and_contradictions():
    tensor = module("diffusion_tensor", "adc", "b_value")
    assert choose([diffusion(SIX)], "adc", where="x", model=tensor).directions == "tensor"
    with pytest.raises(UsageError, match="does not go with directions 'each'"):
        choose([diffusion(SIX)], "adc", where="x", model=tensor, directions="each")


def test_line_breaks_of_headers_do_not_break_the_listing():
    evil = header("inversion_time", TI, description="a\n--series 9: evil")
    with pytest.raises(ExamError) as caught:
        choose([evil, evil], "t1", where="here")
    assert "\n--series 9" not in str(caught.value)
