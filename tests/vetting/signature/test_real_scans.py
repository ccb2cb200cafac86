"""Real scans: one acquisition published twice, people, and a phantom on many scanners."""

import itertools

import numpy as np
import pytest

from qiqa.io import load, read
from qiqa.vetting.signature.layout import unpack
from qiqa.vetting.signature.search import exact_groups, near_pairs

LIMIT = 84.5
PEOPLE = ("dcm_qa_enh/In/Siemens", "dcm_qa_mosaic/In", "dcm_qa_uih/In", "dcm_qa_xa30/In")


def _signed(folder, signed):
    """Return description and signature of each series of a folder."""
    found = []
    for header in read([folder]).headers:
        signal = np.asarray(load(header).signal)
        found.append((header.description, signed(signal[..., 0])))
    return found


def test_one_acquisition_published_twice_with_other_headers_and_noise(real_data, signed):
    """`Siemens2` is `Siemens` with speckle of two percent, other UIDs, patient and bit depth."""
    first, second = (
        _signed(real_data(f"phantoms/acr_large/{name}"), signed)[0][1]
        for name in ("Siemens", "Siemens2")
    )
    codes = unpack(np.stack([first, second]))
    assert near_pairs(codes, np.arange(2)).similarity.tolist() == pytest.approx([100], abs=5)
    assert exact_groups(codes).tolist() == [0, 1]


def test_series_of_people_are_apart_but_for_one_image_that_is_in_two_series(real_data, signed):
    """The b = 0 image of the tensor series is that of the diffusion series."""
    found = [one for name in PEOPLE for one in _signed(real_data(f"vendors/{name}"), signed)]
    pairs = near_pairs(
        unpack(np.stack([signature for _, signature in found])), np.arange(len(found))
    )
    near = [
        {found[a][0], found[b][0]}
        for a, b, similarity in zip(pairs.first, pairs.second, pairs.similarity, strict=True)
        if similarity > LIMIT
    ]
    assert len(found) >= 8
    assert near == [{"DWI_dir80_PA", "DWI_dir80_PA_TENSOR_B0"}]


def test_a_phantom_on_other_makers_scanners_is_apart(real_data, signed):
    names = ("GE_Artist_1.5T_T1", "Siemens_Aera_1.5T_T1", "PhilipsAchieva", "GE_Signa_3T_T1")
    signatures = [_signed(real_data(f"phantoms/acr_large/{name}"), signed)[0][1] for name in names]
    pairs = near_pairs(unpack(np.stack(signatures)), np.arange(len(names)))
    above = pairs.similarity > LIMIT
    found = set(zip(pairs.first[above].tolist(), pairs.second[above].tolist(), strict=True))
    assert not found & set(itertools.combinations(range(len(names)), 2))
