"""What cannot be fitted is refused before anything is computed, with what is wrong and to do."""

import numpy as np
import pytest

from qiqa.core.errors import FitError, UsageError
from qiqa.core.series import Encoding
from qiqa.fitting import fit, fit_arrays

TE, B, TI = (10.0, 20.0, 40.0, 80.0), (0.0, 100.0, 500.0, 800.0), (50.0, 200.0, 800.0, 2000.0)
ANGLES = (3.0, 8.0, 15.0, 20.0)
NAN = float("nan")
AXES = np.eye(4)[:, :3]


def refusal(signal, model, values, error=FitError, **settings):
    with pytest.raises(error) as refused:
        fit_arrays(signal, model, values, **settings)
    return str(refused.value)


CASES = [
    # model, values, settings, what is said
    ("t2", TE[:3], {}, ["3 echo times for 4 volumes", "one value a volume"]),
    ("t2", (*TE, 90.0), {}, ["5 echo times for 4 volumes"]),
    ("t2", 10.0, {}, ["1 echo times for 4 volumes"]),
    ("t2", [TE], {}, ["echo times for 4 volumes"]),
    ("t2", (10.0, 20.0, NAN, 40.0), {}, ["echo times must be finite", "nan"]),
    ("t2", (10.0, 20.0, float("inf"), 40.0), {}, ["echo times must be finite", "inf"]),
    ("adc", (-5.0, 100.0, 500.0, 800.0), {}, ["b-values", "not negative", "-5", "s/mm²"]),
    ("t2", (20.0,) * 4, {}, ["all echo times are 20 ms", "nothing changes"]),
    ("adc", (500.0,) * 4, {}, ["all b-values are 500 s/mm²"]),
    ("t2", (0.01, 0.02, 0.04, 0.08), {}, ["cannot be in ms", "look like s", "0.01", "give them"]),
    ("t2star", (0.002, 0.004, 0.006, 0.008), {}, ["cannot be in ms", "look like s"]),
    ("t2", (10e3, 20e3, 40e3, 80e3), {}, ["cannot be in ms", "µs"]),
    ("t1_inversion_recovery", (0.05, 0.2, 0.8, 2.0), {}, ["inversion times", "look like s"]),
    ("t1_saturation_recovery", (0.1, 0.4, 1.6, 6.4), {}, ["repetition times", "look like s"]),
    ("adc", (0.0, 0.1, 0.5, 0.8), {}, ["b-values", "ms/µm²", "s/mm²"]),
    ("adc", (0.0, 1e8, 5e8, 8e8), {}, ["b-values", "s/m²"]),
    ("t1_vfa", tuple(np.radians(ANGLES)), {"tr_ms": 6.6}, ["flip angles", "look like radian"]),
    ("t1_vfa", (3.0, 8.0, 15.0, 400.0), {"tr_ms": 6.6}, ["flip angles up to 400"]),
    ("t1_vfa", ANGLES, {}, ["needs the repetition time", "give tr_ms"]),
    ("t1_vfa", ANGLES, {"tr_ms": NAN}, ["needs the repetition time"]),
    ("t1_vfa", ANGLES, {"tr_ms": (6.6, 6.6, NAN, 6.6)}, ["needs the repetition time"]),
    ("t1_vfa", ANGLES, {"tr_ms": 0.0066}, ["0.0066 cannot be in ms", "looks like s"]),
    ("t1_vfa", ANGLES, {"tr_ms": 0.0}, ["repetition times must be above 0"]),
    ("t1_vfa", ANGLES, {"tr_ms": -6.6}, ["repetition times must be above 0"]),
    ("t1_vfa", ANGLES, {"tr_ms": (6.6, 6.6, 7.6, 6.6)}, ["different TR", "7.6"]),
    ("t1_vfa", ANGLES, {"tr_ms": (6.6, 6.6)}, ["2 repetition times for 4 volumes"]),
    ("t1_inversion_recovery_tr", TI, {}, ["needs the repetition time"]),
    ("t1_inversion_recovery", TI, {"tr_ms": 1500.0},
     ["inversion time 2000 ms is longer than the repetition time 1500 ms"]),
    ("t1_inversion_recovery_tr", TI, {"tr_ms": (1000.0, 150.0, 1500.0, 3000.0)},
     ["inversion time 200 ms is longer than the repetition time 150 ms"]),
    ("diffusion_tensor", B, {}, ["needs the diffusion directions", "bvec"]),
    ("diffusion_tensor", B, {"directions": AXES[:3]}, ["directions of shape (3, 3)", "(4, 3)"]),
    ("b1_double_angle", ANGLES, {}, ["two flip angles a and 2a", "3, 8, 15, 20"]),
    ("t2", TE, {"mask": np.zeros(5, bool)}, ["the mask is empty"]),
    ("t2", TE, {"mask": np.full(5, NAN)}, ["the mask is empty"]),
    ("t2", TE, {"mask": np.ones(4, bool)}, ["mask has shape (4,)", "(5, 1, 1)"]),
    ("t2", TE, {"mask": np.ones((5, 1, 2))}, ["mask has shape (5, 1, 2)"]),
]  # fmt: skip


@pytest.mark.parametrize(("model", "values", "settings", "words"), CASES)
def test_values(model, values, settings, words):
    if model == "diffusion_tensor" and "directions" in settings:
        # three parameters: enough volumes, but the wrong directions
        assert len(values) == 4
    said = refusal(np.full((4, 5), 100.0), model, values, **settings)
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("model", "values", "settings", "words"),
    [
        ("t2", (10.0,), {}, "1 volume cannot tell 2 parameters"),
        ("t2_offset", (10.0, 20.0), {}, "2 volumes cannot tell 3 parameters"),
        ("t1_inversion_recovery", (50.0, 500.0), {}, "(t1, m0, inversion_efficiency)"),
        ("t1_vfa", (5.0,), {"tr_ms": 6.6}, "at least 2 different flip angles are needed"),
    ],
)
def test_too_few_volumes(model, values, settings, words):
    assert words in refusal(np.ones((len(values), 5)), model, values, **settings)


def test_double_angle_must_be_double():
    said = refusal(np.ones((2, 5)), "b1_double_angle", (40.0, 70.0))
    assert "got 40, 70 degree" in said


@pytest.mark.parametrize("signal", [np.ones((4, 5), complex), np.full((4, 5), "a"),
                                    np.full((4, 5), None), np.ones((4, 5), "M8[s]")])  # fmt: skip
def test_signal_must_be_real_numbers(signal):
    said = refusal(signal, "t2", TE)
    assert f"signal of type {signal.dtype}" in said
    assert "real numbers" in said


@pytest.mark.parametrize("shape", [(), (4,), (4, 5, 2), (4, 5, 2, 2, 2)])
def test_signal_must_have_a_shape(shape):
    assert f"signal of shape {shape}" in refusal(np.ones(shape), "t2", TE)


def test_no_such_model():
    said = refusal(np.ones((4, 5)), "t2_ofset", TE, UsageError)
    assert "did you mean 't2_offset'?" in said


@pytest.mark.parametrize(
    ("encoding", "model", "words"),
    [
        (Encoding(name="b_value", values=B), "t2", ["encoded by echo_time", "by b_value"]),
        (Encoding(name="none", values=(0.0,) * 4), "adc", ["encoded by b_value", "by none"]),
        (Encoding(name="echo_time", values=(0.01, 0.02, 0.04, 0.08)), "t2", ["look like s"]),
        (Encoding(name="flip_angle", values=ANGLES), "t1_vfa", ["needs the repetition time"]),
    ],
)
def test_series(made_series, encoding, model, words):
    with pytest.raises(FitError) as refused:
        fit(made_series(np.ones((2, 2, 2, 4)), encoding), model)
    for word in words:
        assert word in str(refused.value)


def test_series_names_itself(made_series):
    series = made_series(np.ones((2, 2, 2, 4)), Encoding(name="b_value", values=B))
    with pytest.raises(FitError) as refused:
        fit(series, "t2")
    assert refused.value.where == "made"


def test_mask_of_a_series_has_its_shape(made_series):
    series = made_series(np.ones((2, 3, 4, 4)), Encoding(name="b_value", values=B))
    with pytest.raises(FitError, match=r"mask has shape \(3, 2, 4\), the series \(2, 3, 4\)"):
        fit(series, "adc_log_linear", mask=np.ones((3, 2, 4), bool))
