"""A placeholder is no identity; an unknown scanner stays unknown."""

import pytest

from qiqa.core.scanner import Scanner, is_placeholder


@pytest.mark.parametrize(
    "text",
    [
        None, "", "  ", "ANONYMIZED", "anonymised", "Anonymous", "Anon", "UNKNOWN", " none ",
        "NULL", "N/A", "na", "removed", "De-Identified", "deidentified", "XXX", "xxxxxx", "0",
        "00000", "-", "----",
    ],
)  # fmt: skip
def test_emptied_by_an_anonymizer(text):
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text", ["46229", "0046", "SN-0", "MRC35421", "Annona", "xx", "Removed Unit 3", "NAC"]
)
def test_real_names_are_kept(text):
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    ("scanner", "identity"),
    [
        (Scanner(manufacturer="GE MEDICAL SYSTEMS", serial_number="77"), "GE 77"),
        (Scanner(manufacturer="Philips", serial_number="77"), "PHILIPS 77"),
        (Scanner(serial_number="77"), "? 77"),
        (Scanner(manufacturer="  ", serial_number="77"), "? 77"),
        (Scanner(manufacturer="Philips", serial_number="77", given_name="MR 2"), "MR 2"),
        (Scanner(manufacturer="Philips", model="Ingenia", station="MR2"), None),
        (Scanner(), None),
    ],
)
def test_identity(scanner, identity):
    assert scanner.identity == identity


def test_label():
    scanner = Scanner(
        manufacturer="SIEMENS", model="Skyra", field_strength_t=2.89362, serial_number="45"
    )
    assert scanner.label == "SIEMENS Skyra 2.89 T SN 45"
    assert Scanner().label == "SN unknown"
