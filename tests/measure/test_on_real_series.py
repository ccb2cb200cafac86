"""Measurements on real scans against readings made before qiqa, and against one another."""

from __future__ import annotations

import pytest

BAR_DIFFERENCES = {
    # right minus left [mm] on slices 1 and 11, read at half height by other scripts, each ± 0.3
    "GE": (0.3, 0.5),
    "GE_Artist_1.5T_T1": (0.5, -2.7),
    "GE_Artist_1.5T_T2": (0.5, -2.7),
    "GE_Signa_3T_T1": (0.2, -6.7),
    "GE_Signa_3T_T2": (0.2, -6.8),
    "Philips3TdStream": (1.7, -2.3),
    "PhilipsAchieva": (1.2, -3.2),
    "Siemens": (0.0, -1.7),
    "Siemens2": (0.0, -1.8),
    "SiemensLargeSliceLocationDelta": (-6.6, -6.8),
    "SiemensMTF": (-0.9, -3.8),
    "Siemens_Aera_1.5T_T1": (0.6, -0.1),
    "Siemens_Aera_1.5T_T2": (0.6, -0.2),
    "Siemens_MagnetomSkyra_3T_T1": (-0.6, -1.3),
    "Siemens_Sola_1.5T_T1": (2.3, 0.6),
}
SAME_SESSION = [
    ("GE_Artist_1.5T_T1", "GE_Artist_1.5T_T2"),
    ("Siemens_Aera_1.5T_T1", "Siemens_Aera_1.5T_T2"),
    ("GE_Signa_3T_T1", "GE_Signa_3T_T2"),
]
GEOMETRY = (
    *(f"diameter_slice1_{d}" for d in ("lr", "ap")),
    *(f"diameter_slice5_{d}" for d in ("lr", "ap", "d1", "d2")),
)
POSITION = ("slice_position_slice1", "slice_position_slice11")


@pytest.mark.parametrize("folder", BAR_DIFFERENCES)
def test_bar_differences_agree_with_the_readings(acr_numbers, folder):
    found = acr_numbers(folder)
    for name, reading in zip(POSITION, BAR_DIFFERENCES[folder], strict=True):
        m = found[name]
        assert m.value == pytest.approx(reading, abs=0.5), name
        assert m.displacement == m.value / 2


@pytest.mark.parametrize("folder", BAR_DIFFERENCES)
def test_every_series_gives_geometry_that_a_phantom_can_have(acr_numbers, folder):
    found = acr_numbers(folder)
    for name in GEOMETRY:
        # a scanner without distortion correction reads up to 193.3
        assert 188.0 < found[name].value < 194.0, name
        assert found[name].standard_uncertainty < 0.5
    # by crude full width at half maximum 4.6 to 5.4 over these series
    assert 4.4 < found["slice_thickness"].value < 5.8
    assert 60 < found["piu"].value < 100


@pytest.mark.parametrize(("first", "second"), SAME_SESSION)
def test_t1_and_t2_of_one_session_agree(acr_numbers, first, second):
    one, two = acr_numbers(first), acr_numbers(second)
    for names, allowed in ((GEOMETRY, 0.15), (POSITION, 0.3), (("slice_thickness",), 0.25)):
        for name in names:
            assert one[name].value == pytest.approx(two[name].value, abs=allowed), name


def test_a_copy_with_speckle_keeps_its_geometry_and_loses_its_noise(acr_numbers):
    plain, speckled = acr_numbers("Siemens"), acr_numbers("Siemens2")
    for name in (*GEOMETRY, *POSITION, "slice_thickness"):
        assert plain[name].value == pytest.approx(speckled[name].value, abs=0.15), name
    # about 2 % of speckle leaves an SNR of at most about 50
    assert speckled["snr_local"].value < 0.3 * plain["snr_local"].value
    assert speckled["snr_local"].value < 80


def test_piu_agrees_with_plain_readings(acr_numbers):
    # 1 cm² means in a 200 cm² disk by another script, noise left in
    for folder, reading in (
        ("GE", 84.0),
        ("GE_Artist_1.5T_T1", 95.5),
        ("Siemens_Aera_1.5T_T1", 96.5),
        ("Siemens", 67.5),
        ("SiemensMTF", 70.0),
        ("Siemens_Sola_1.5T_T1", 95.0),
    ):
        assert acr_numbers(folder)["piu"].value == pytest.approx(reading, abs=2.0), folder


def test_masked_and_normalized_air_is_no_noise(acr_numbers):
    philips = acr_numbers("PhilipsAchieva")["snr_background"]
    assert not philips.measured
    assert "zero" in philips.reason
    normalized = acr_numbers("Siemens_Aera_1.5T_T1")["snr_background"]
    assert not normalized.measured
    assert "normalized" in normalized.reason


def test_no_room_for_air_is_said(acr_numbers):
    psg = acr_numbers("GE_Signa_3T_T1")["psg"]
    assert not psg.measured
    assert "top" in psg.reason
