"""Pixel checks on public scans: known faults are told, all others are left alone."""

from __future__ import annotations

import math

import numpy as np
import pydicom
import pytest

from qiqa.core.vetting import SeriesFacts, Stack
from qiqa.io import load, read
from qiqa.vetting.checks import burned_in, plausibility, quality

KEYWORDS = (
    "Modality",
    "Manufacturer",
    "ImageType",
    "SeriesDescription",
    "RescaleType",
    "InPlanePhaseEncodingDirection",
    "BurnedInAnnotation",
    "SOPClassUID",
)


@pytest.fixture
def stacks(real_data):
    """Return the stacks of a folder, with what their first header says."""

    def of(folder):
        found = []
        for header in read([real_data(folder)]).headers:
            series = load(header)
            first = pydicom.dcmread(header.frames[0][0].path, stop_before_pixels=True)
            said = {}
            for keyword in KEYWORDS:
                value = first.get(keyword)
                if value is not None:
                    many = isinstance(value, pydicom.multival.MultiValue)
                    said[keyword] = ("\\".join(value) if many else str(value),)
            facts = SeriesFacts(path=folder, series_uid=header.series_uid, attributes=said)
            found.append(
                Stack(
                    facts=facts,
                    signal=series.signal,
                    affine=header.affine,
                    stored_range=series.stored_range or (math.nan, math.nan),
                    quantization=series.quantization,
                )
            )
        return found

    return of


def all_of(stack, images):
    seen = {}
    for module in (quality, plausibility, burned_in):
        examined = module.look(stack, images.settings(module.CHECK))
        seen |= {one.code: one.value for one in examined.observations}
        seen |= examined.features
    return seen


CODES = {r.code for m in (quality, plausibility, burned_in) for r in m.CHECK.reasons}

SOUND = (
    "phantoms/acr_large/GE",
    "phantoms/acr_large/PhilipsAchieva",
    "phantoms/acr_large/Siemens_Aera_1.5T_T2",
    "phantoms/acr_medium/ACR_HNU_Shetland/Ax_T1_ACR_Lothian",
    "phantoms/system/mrbias_A/T1_VFA/mrbias_vfa_A/00025_T1_VFA_30deg",
    "vendors/dcm_qa_canon/In/10000_DTI_AP-ortho",
)


@pytest.mark.parametrize("folder", SOUND)
def test_sound_scans_are_not_accused(images, stacks, folder):
    found = stacks(folder)
    assert found
    for stack in found:
        assert not set(all_of(stack, images)) & CODES


def test_an_echo_planar_image_with_a_faint_ghost(images, stacks):
    # Half the field of view away by both measures, in the air and by its corners.
    (stack,) = stacks("vendors/dcm_qa_mosaic/In/ep2d_Asc_2")
    seen = all_of(stack, images)
    assert set(seen) & CODES == {"ghosting"}
    assert 4 < seen["ghosting"] < 8


def test_the_makers_adc_map_is_in_its_unit(images, stacks):
    (stack,) = stacks("phantoms/diffusion/04001_ep2d_diff_1_ADC")
    seen = all_of(stack, images)
    assert not set(seen) & CODES
    assert seen["map_factor"] == 1e-6


def test_scans_that_are_known_to_clip(images, stacks):
    # The sphere of the longest T2 and the bath reach 4095 in the first echoes.
    (stack,) = stacks("phantoms/system/mrbias_A/T1_VIR/00008_T1_VIR_35ms")
    seen = all_of(stack, images)
    assert seen["clipped"] > 1
    assert set(seen) & CODES == {"clipped"}
    assert np.max(stack.signal) == 4095
