"""What is not the large ACR phantom is refused, and the reason says what was seen instead."""

from __future__ import annotations

import re

import numpy as np
import pytest

from qiqa.core.errors import LocateError
from qiqa.io import load, read
from qiqa.locate import locate
from qiqa.simulate.spec import AcrSpec

PLAIN = AcrSpec(snr=100.0, center_offset_mm=(1.3, -0.8), displacement_mm=0.6)


def refusal(series, phantom):
    with pytest.raises(LocateError) as caught:
        locate(series, phantom)
    message = caught.value.message
    assert message.startswith("ACR MRI phantom, large not found: ")
    assert caught.value.hint
    return message


def disk(radius_mm, n_slices=11, noise=5.0, matrix=256, fov_mm=250.0):
    """Return slices of a uniform cylinder."""
    rng = np.random.default_rng(3)
    axis = (np.arange(matrix) - (matrix - 1) / 2) * fov_mm / matrix
    r = np.hypot(axis[:, None] - 2, axis[None, :] + 1)
    bath = 1000.0 * np.clip(radius_mm - r + 0.5, 0, 1)[:, :, None, None]
    shape = (matrix, matrix, n_slices, 1)
    return np.hypot(bath + rng.normal(0, noise, shape), rng.normal(0, noise, shape))


def test_an_empty_image(acr_simulated, phantom, changed):
    series = changed(acr_simulated(PLAIN).series[0], np.zeros((256, 256, 11, 1)))
    assert "empty" in refusal(series, phantom)


def test_noise(acr_simulated, phantom, changed):
    noise = np.random.default_rng(1).rayleigh(50, (256, 256, 11, 1))
    message = refusal(changed(acr_simulated(PLAIN).series[0], noise), phantom)
    assert "not round" in message or "no outline" in message


def test_a_constant_image(acr_simulated, phantom, changed):
    series = changed(acr_simulated(PLAIN).series[0], np.full((256, 256, 11, 1), 700.0))
    assert "outline" in refusal(series, phantom)


@pytest.mark.parametrize("noise", [0.0, 50.0])
def test_a_uniform_cylinder_of_the_same_size(acr_simulated, phantom, changed, noise):
    series = changed(acr_simulated(PLAIN).series[0], disk(95.0, noise=noise))
    assert "inserts do not match" in refusal(series, phantom)


@pytest.mark.parametrize("diameter", [150.0, 205.0])
def test_a_cylinder_of_another_size_is_named_by_its_size(acr_simulated, phantom, changed, diameter):
    series = changed(acr_simulated(PLAIN).series[0], disk(diameter / 2))
    message = refusal(series, phantom)
    assert "circle of " in message
    seen = float(message.split("circle of ")[1].split()[0])
    assert seen == pytest.approx(diameter, abs=0.5)


def test_slices_in_a_wrong_order(acr_simulated, phantom, changed):
    whole = acr_simulated(PLAIN).series[0]
    order = np.random.default_rng(4).permutation(11)
    assert "inserts do not match" in refusal(changed(whole, whole.signal[:, :, order]), phantom)


OTHERS = {
    "phantoms/acr_medium/ACR_HNU_Shetland/Ax_T1_ACR_Lothian": r"circle of 164\.\d mm, not of 190",
    "phantoms/acr_medium/Raigmore_ACR_MRI1_Test_Data/ACR_AxT2": r"circle of 165\.\d mm",
    "phantoms/acr_medium/Raigmore_ACR_MRI1_Test_Data/ACR_Ax_DWI": r"circle of 16[45]\.\d mm",
    "phantoms/acr_medium/Raigmore_ACR_MRI1_Test_Data/ACR_Sag_Loc": r"no rectangle of 148 x 190",
    "phantoms/system/hazen/T1": r"circle of (19[89]|20\d|16\d)",
    "phantoms/diffusion/03001_ep2d_diff_1_TRACEW": r"circle of 17\d\.\d mm",
    "phantoms/misc/uniformity": r"inserts do not match|circle of|not round",
    "phantoms/misc/ghosting": r"circle of|no outline|not round",
    "phantoms/misc/snr": r"inserts do not match|circle of|not round",
    "vendors/dcm_qa_canon": r"not round",
    "vendors/dcm_qa_mosaic": r"not round",
    "vendors/dcm_qa_xa30": r"not round",
}


@pytest.mark.parametrize("folder", OTHERS)
def test_other_objects(real_data, phantom, folder):
    headers = [h for h in read([real_data(folder)]).headers if h.shape[2] * h.shape[3] < 400]
    assert headers
    for header in headers[:1]:
        message = refusal(load(header), phantom)
        assert re.search(OTHERS[folder], message), f"{header.description}: {message}"


@pytest.mark.slow
def test_a_long_stack_of_another_phantom(real_data, phantom):
    header = read([real_data("phantoms/diffusion/02001_fl3d_vibe_1mm.zip")]).headers[0]
    assert re.search(r"circle of 1[78]\d\.\d mm", refusal(load(header), phantom))


def test_a_cut_off_head_raises_no_warning(real_data, phantom):
    for header in read([real_data("vendors/dcm_qa_ge")]).headers:
        refusal(load(header), phantom)
