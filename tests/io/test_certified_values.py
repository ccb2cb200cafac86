"""The built-in tables say what the certificates print; every number here was typed from those.

Batch 1: Stupic et al. 2021, supporting information, tables S1 to S3. Batch 2 and 2.5: NIST report
80100S-20200610-C1 and the maker's sheets. Diffusion: the maker's certificate of unit 128-0155.
"""

import math

import pytest

from qiqa.core.errors import CertificateError
from qiqa.io.definitions import load_phantom

SYSTEM = load_phantom("nist_system")
DIFFUSION = load_phantom("qiba_diffusion")
UNIT = {"1": "130-0041", "2": "130-0132", "2.5": "130-0133"}


def printed(batch, group, quantity, label, degc, field, *, phantom=SYSTEM, serial=None):
    """Return value and printed uncertainty straight from the table that holds."""
    tables = phantom.certificates(group, quantity, serial or UNIT[batch], field)
    table = next(t for t in tables if label in (t.inserts or phantom.find_group(group).labels))
    labels = table.inserts or phantom.find_group(group).labels
    row = 0 if len(table.value) == 1 else labels.index(label)
    column = table.temperature_degc.index(degc) if table.temperature_degc else 0
    u = table.uncertainty[row][column] if table.uncertainty else math.nan
    return table.value[row][column], u


# insert, T1, its SD, T2, its SD at 20 °C
BATCH_1 = {
    ("T1", 1.5): [
        ("T1-1", 2033, 4.6, 1669, 0.5), ("T1-2", 1489, 1.4, 1244, 0.6),
        ("T1-3", 1012, 0.2, 859.3, 0.17), ("T1-4", 730.8, 1.1, 628.5, 0.13),
        ("T1-5", 514.1, 0.06, 446.3, 0.11), ("T1-6", 367.9, 0.66, 321.2, 0.3),
        ("T1-7", 260.1, 0.04, 227.7, 0.07), ("T1-8", 184.6, 0.02, 161.9, 0.06),
        ("T1-9", 132.7, 0.02, 117.1, 0.03), ("T1-10", 92.7, 0.09, 81.9, 0.02),
        ("T1-11", 65.4, 0.1, 57.7, 0.02), ("T1-12", 46.32, 0.01, 41, 0.01),
        ("T1-13", 32.45, 0.012, 28.7, 0.03), ("T1-14", 22.859, 0.0437, 20.2, 0.01),
    ],
    ("T1", 3.0): [
        ("T1-1", 1989, 1, 1465, 1), ("T1-2", 1454, 2.5, 1076, 1.8),
        ("T1-3", 984.1, 0.33, 717.9, 1.12), ("T1-4", 706, 1.5, 510.1, 1.36),
        ("T1-5", 496.7, 0.41, 359.6, 0.22), ("T1-6", 351.5, 0.91, 255.5, 0.07),
        ("T1-7", 247.13, 0.086, 180.8, 0.04), ("T1-8", 175.3, 0.11, 127.3, 0.14),
        ("T1-9", 125.9, 0.33, 90.3, 0.14), ("T1-10", 89, 0.17, 64.3, 0.05),
        ("T1-11", 62.7, 0.13, 45.7, 0.12), ("T1-12", 44.53, 0.09, 31.86, 0.02),
        ("T1-13", 30.84, 0.016, 22.38, 0.02), ("T1-14", 21.719, 0.0054, 15.83, 0.03),
    ],
    ("T2", 1.5): [
        ("T2-1", 2376, 2.2, 939.4, 1.11), ("T2-2", 2183, 1.2, 594.3, 0.32),
        ("T2-3", 1870, 6, 416.5, 1.13), ("T2-4", 1539, 3.8, 267, 0.11),
        ("T2-5", 1237, 0.4, 184.9, 0.11), ("T2-6", 1030, 1.7, 140.6, 0.05),
        ("T2-7", 752.2, 1.12, 91.76, 0.029), ("T2-8", 550.2, 0.18, 64.84, 0.029),
        ("T2-9", 413.4, 0.29, 45.28, 0.029), ("T2-10", 292.9, 0.15, 30.62, 0.014),
        ("T2-11", 194.9, 0.08, 19.76, 0.017), ("T2-12", 160.2, 0.23, 15.99, 0.012),
        ("T2-13", 106.4, 0.02, 10.47, 0.006), ("T2-14", 83.33, 0.1, 8.15, 0.011),
    ],
    ("T2", 3.0): [
        ("T2-1", 2480, 10.8, 581.3, 0.39), ("T2-2", 2173, 14.7, 403.5, 0.55),
        ("T2-3", 1907, 10.3, 278.1, 0.28), ("T2-4", 1604, 7.2, 190.94, 0.011),
        ("T2-5", 1332, 0.8, 133.27, 0.073), ("T2-6", 1044, 3.2, 96.89, 0.049),
        ("T2-7", 801.7, 1.7, 64.07, 0.034), ("T2-8", 608.6, 1.03, 46.42, 0.014),
        ("T2-9", 458.4, 0.33, 31.97, 0.083), ("T2-10", 336.5, 0.18, 22.56, 0.012),
        ("T2-11", 244.2, 0.09, 15.813, 0.0061), ("T2-12", 176.6, 0.09, 11.237, 0.0057),
        ("T2-13", 126.9, 0.03, 7.911, 0.0037), ("T2-14", 90.9, 0.05, 5.592, 0.0055),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("group", "field"), BATCH_1)
def test_batch_1_as_printed(group, field):
    for label, t1, u1, t2, u2 in BATCH_1[group, field]:
        assert printed("1", group, "t1", label, 20.0, field) == (t1, u1), label
        assert printed("1", group, "t2", label, 20.0, field) == (t2, u2), label


# T1 and T2 of the proton-density spheres at 1.5 T and 3 T, 20 °C (table S3)
PD_TIMES = [
    ("PD-1", 378.08, 320.61, 341.74, 236.25), ("PD-2", 371.76, 311.21, 336.69, 233.59),
    ("PD-3", 367.96, 313.8, 335.1, 233.89), ("PD-4", 364.15, 308.79, 334.51, 233.02),
    ("PD-5", 353.17, 299.65, 323.94, 227.16), ("PD-6", 354.84, 300.41, 323.03, 226.04),
    ("PD-7", 365.43, 310.05, 343.58, 240.48), ("PD-8", 345.95, 295.2, 324.53, 228.05),
    ("PD-9", 343.76, 287.02, 319.87, 225.25), ("PD-10", 339.28, 285.67, 320.14, 226.31),
    ("PD-11", 340.05, 292.96, 316.07, 224.48), ("PD-12", 328.78, 284.15, 309.31, 220.68),
    ("PD-13", 329.23, 287.47, 311.68, 224.09), ("PD-14", 331.16, 320.61, 305.08, 219.06),
]  # fmt: skip


@pytest.mark.parametrize("row", PD_TIMES, ids=lambda row: row[0])
def test_times_of_the_proton_density_spheres(row):
    label, *expected = row
    found = [
        printed("1", "PD", quantity, label, 20.0, field)[0]
        for field in (1.5, 3.0)
        for quantity in ("t1", "t2")
    ]
    assert found == expected


# temperature, insert, T1, U, T2, U (three SD) at 3.00672 T
NIST = [
    (16, "T1-1", 1766.68, 28.54, 1348.91, 18.96), (26, "T1-1", 2066.95, 30.32, 1578.57, 20.41),
    (18, "T1-2", 1317.71, 19.97, 1010.28, 12.99), (22, "T1-3", 1000.81, 13.82, 744.39, 9.09),
    (24, "T1-3", 1015.7, 14.02, 755.94, 9.19), (26, "T1-3", 1030.78, 14.22, 768.69, 9.32),
    (20, "T1-4", 690.08, 10.12, 521.27, 6.57), (16, "T1-6", 343, 4.93, 252.21, 3.1),
    (24, "T1-7", 241.31, 3.49, 176.15, 2.18), (20, "T1-8", 174.95, 2.48, 126.33, 1.55),
    (22, "T1-10", 85.03, 1.24, 60.96, 0.76), (18, "T1-11", 60.7, 0.87, 42.91, 0.54),
    (26, "T1-12", 42.8, 0.44, 30.71, 0.27), (22, "T1-14", 21.28, 0.31, 15.22, 0.19),
    (16, "T2-2", 1874.96, 46.87, 357.4, 3.36), (18, "T2-3", 1783.21, 44.58, 257.47, 2.42),
    (26, "T2-4", 1801.61, 45.04, 192.23, 1.81), (20, "T2-6", 1026.43, 25.66, 88.89, 0.84),
    (24, "T2-7", 892.41, 22.31, 67.82, 0.64), (16, "T2-8", 531.6, 13.29, 41.53, 0.39),
    (22, "T2-9", 454.82, 11.37, 30.92, 0.29), (18, "T2-10", 277.38, 6.93, 18.78, 0.18),
    (20, "T2-11", 226.53, 5.66, 14.74, 0.14), (26, "T2-12", 184.07, 4.6, 11.67, 0.11),
    (16, "T2-13", 104.57, 2.61, 6.83, 0.06), (24, "T2-14", 91.82, 2.3, 5.48, 0.05),
]  # fmt: skip


@pytest.mark.parametrize("batch", ["2", "2.5"])
@pytest.mark.parametrize("row", NIST, ids=lambda row: f"{row[1]} at {row[0]}")
def test_nist_values_of_batches_2_and_25(row, batch):
    degc, label, t1, u1, t2, u2 = row
    group = label.partition("-")[0]
    assert printed(batch, group, "t1", label, degc, 3.0) == (t1, u1)
    assert printed(batch, group, "t2", label, degc, 3.0) == (t2, u2)


@pytest.mark.parametrize(
    ("batch", "label", "degc", "t1", "t2"),
    [
        ("2", "T2-1", 16, 2669.83, 1705.84), ("2", "T2-1", 20, 3025.17, 1928.33),
        ("2", "T2-1", 26, 3536.79, 2205.31), ("2", "T2-5", 18, 1417.53, 159.77),
        ("2", "T2-5", 22, 1589.88, 172.51), ("2.5", "T2-1", 16, 2127.95, 506.65),
        ("2.5", "T2-1", 20, 2478.19, 552.73), ("2.5", "T2-1", 26, 2917.74, 636.24),
        ("2.5", "T2-5", 18, 1125.81, 108.76), ("2.5", "T2-5", 24, 1340.89, 121.21),
    ],
)  # fmt: skip
def test_the_two_solutions_that_were_replaced(batch, label, degc, t1, t2):
    assert printed(batch, "T2", "t1", label, degc, 3.0)[0] == t1
    assert printed(batch, "T2", "t2", label, degc, 3.0)[0] == t2
    for quantity in ("t1", "t2"):
        found = SYSTEM.certified("T2", quantity, label, serial=UNIT[batch], field_t=3.0, degc=degc)
        assert found.gives_verdict is (batch == "2.5")


EXTRAPOLATED = [
    ("T1-1", 2316.9, 1895.2), ("T1-4", 786.5, 677.3), ("T1-8", 197.4, 173.5),
    ("T1-11", 67.8, 59.9), ("T1-12", 48.6, 42.9), ("T1-14", 24.5, 21.6),
    ("T2-2", 2026.8, 505.2), ("T2-4", 1478.8, 256.5), ("T2-6", 963.8, 130.0),
    ("T2-9", 423.2, 46.3), ("T2-11", 228.5, 23.4), ("T2-14", 83.9, 8.2),
]  # fmt: skip


@pytest.mark.parametrize("batch", ["2", "2.5"])
@pytest.mark.parametrize(("label", "t1", "t2"), EXTRAPOLATED)
def test_extrapolated_values_are_shown_without_a_verdict(batch, label, t1, t2):
    group = label.partition("-")[0]
    for quantity, value in (("t1", t1), ("t2", t2)):
        at = {"serial": UNIT[batch], "field_t": 1.5, "degc": 20.0}
        found = SYSTEM.certified(group, quantity, label, **at)
        assert found.reference.value == value
        assert math.isnan(found.reference.standard_uncertainty)
        assert (found.reference.confidence, found.gives_verdict) == ("unreliable", False)


# gravimetric, by NMR, six SD (NIST report)
PROTONS = [
    (5, 5.07, 0.183), (10, 10.23, 0.37), (15, 15.01, 0.542), (20, 20.68, 0.747),
    (25, 25.47, 0.92), (30, 29.983, 1.083), (35, 34.887, 1.26), (40, 39.76, 1.436),
    (50, 48.42, 1.749), (60, 59.13, 2.135), (70, 68.55, 2.476), (80, 78.35, 2.83),
    (90, 90.59, 3.272), (100, 99.55, 3.595),
]  # fmt: skip


def test_proton_density_by_weighing_comes_before_that_by_nmr():
    group = SYSTEM.find_group("PD")
    assert group.contents == tuple(float(row[0]) for row in PROTONS)
    for label, (weighed, nmr, six_sd) in zip(group.labels, PROTONS, strict=True):
        preferred, other = SYSTEM.certificates("PD", "pd", "130-0200", 3.0)
        first = preferred.at(label, group.labels, 20.0)
        assert first.reference.value == weighed
        # the scatter against NMR: root mean square of (nmr / weighed - 1) over the 14 spheres
        scatter = math.sqrt(sum((n / w - 1) ** 2 for w, n, _ in PROTONS) / len(PROTONS))
        assert first.reference.standard_uncertainty == pytest.approx(scatter * weighed, rel=0.03)
        second = other.at(label, group.labels, 20.0)
        assert second.reference.value == nmr
        assert second.reference.standard_uncertainty == pytest.approx(six_sd / 6)
    for serial in ("130-0001", None):
        at = {"serial": serial, "field_t": None, "degc": 22.0}
        assert SYSTEM.certified("PD", "pd", "PD-3", **at).reference.value == 15.0


def test_the_fill_of_the_fiducials():
    # Stupic et al. 2021: 407 +- 6, 347 +- 6 ms; NIST: 391.51 +- 8.61, 335.56 +- 7.38 ms at 20 °C
    for label in ("F1", "F29", "F57"):
        assert printed("1", "fiducial", "t1", label, 20.0, 3.0) == (407.0, 6.0)
        assert printed("1", "fiducial", "t2", label, 20.0, 3.0) == (347.0, 6.0)
        for batch in ("2", "2.5"):
            assert printed(batch, "fiducial", "t1", label, 20.0, 3.0) == (391.51, 8.61)
            assert printed(batch, "fiducial", "t2", label, 20.0, 3.0) == (335.56, 7.38)
            assert printed(batch, "fiducial", "t1", label, 26.0, 3.0) == (453.81, 9.98)
            assert printed(batch, "fiducial", "t2", label, 16.0, 3.0) == (300.27, 6.61)


def test_temperature_between_the_columns_by_hand():
    # T1-3 at 20 and 22 °C: 987.27 and 1000.81 ms, three SD 14.22 and 13.82 ms. At 20.7 °C:
    # 987.27 + 0.35 * 13.54 = 992.009; (14.22 - 0.35 * 0.40) / 3 = 4.69333
    found = SYSTEM.certified("T1", "t1", "T1-3", serial="130-0093", field_t=3.00672, degc=20.7)
    assert found.reference.value == pytest.approx(992.009)
    assert found.reference.standard_uncertainty == pytest.approx(4.69333, rel=1e-5)
    assert found.per_degc == pytest.approx(6.77)
    # PVP 20 % at 16 and 18 °C: 1047 and 1112 um2/s, 8 and 8.3. At 17 °C: 1079.5, 8.15
    adc = DIFFUSION.certified(
        "PVP", "adc", "PVP20-outer", serial="128-0155", field_t=1.5, degc=17.0
    )
    assert adc.reference.value == pytest.approx(1079.5e-6)
    assert adc.reference.standard_uncertainty == pytest.approx(8.15e-6)


# what 0, 16, 18, 20, 22, 24, 26 °C hold in um2/s, and the printed uncertainty
ADC = {
    "PVP0-center": (
        [1109, 1799, 1898, 2000, 2106, 2232, 2335], [8.3, 13, 13.7, 14.3, 15, 16, 16.7]
    ),
    "PVP10-outer": (
        [817, 1376, 1462, 1551, 1640, 1742, 1825], [6.3, 10.3, 10.7, 11.3, 12, 12.7, 13]
    ),
    "PVP20-inner": ([579, 1047, 1112, 1183, 1258, 1322, 1390], [5, 8, 8.3, 9, 9.3, 9.7, 10.3]),
    "PVP30-outer": ([380, 722, 760, 832, 886, 929, 989], [3.7, 5.7, 6, 6.7, 7, 7.3, 7.7]),
    "PVP40-inner": ([220, 440, 471, 507, 545, 584, 625], [2.3, 4, 4, 4.3, 4.7, 5, 5.3]),
    "PVP50-outer": ([110, 231, 246, 267, 293, 323, 352], [1.7, 2.7, 2.7, 2.7, 3, 3, 3.3]),
}  # fmt: skip


@pytest.mark.parametrize("label", ADC)
def test_diffusion_certificate(label):
    for degc, value, u in zip((0, 16, 18, 20, 22, 24, 26), *ADC[label], strict=True):
        at = {"serial": "128-0155", "field_t": 3.0, "degc": degc}
        found = DIFFUSION.certified("PVP", "adc", label, **at).reference
        assert found.value == pytest.approx(value * 1e-6, rel=1e-12)
        assert found.standard_uncertainty == pytest.approx(u * 1e-6, rel=1e-9)
        assert found.confidence == "certified"


def test_other_diffusion_phantoms_get_the_same_values_with_more_doubt():
    at = {"serial": "128-0200", "field_t": 3.0, "degc": 20.0}
    found = DIFFUSION.certified("PVP", "adc", "PVP10-inner", **at)
    assert found.reference.value == pytest.approx(1551e-6)
    # 11.3 printed and 2.2 % of 1551 = 34.1
    assert found.reference.standard_uncertainty == pytest.approx(math.hypot(11.3, 34.122) * 1e-6)
    assert (found.reference.confidence, found.gives_verdict) == ("secondary", True)
    assert not DIFFUSION.certified("PVP", "adc", "PVP50-inner", **at).gives_verdict


@pytest.mark.parametrize(
    ("serial", "batch"),
    [
        ("130-0001", "1"), ("130-0041", "1"), ("130-0042", "2"), ("130-0132", "2"),
        ("130-0133", "2.5"), ("130-1234", "2.5"), ("128-0155", None), ("0093", None),
        ("130-", None), ("garbage", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_batch_of_a_serial_number(serial, batch):
    found = SYSTEM.batch_of(serial)
    assert (None if found is None else found.name) == batch


def test_diffusion_serials():
    assert DIFFUSION.batch_of("128-0155").name == "1"
    assert DIFFUSION.batch_of("128-0156") is None
    assert DIFFUSION.batch_of("130-0155") is None


# --- which entries are not to be relied on ----------------------------------------------------


def test_batch_1_gets_more_than_the_sd_of_three_repeats():
    at = {"serial": "130-0020", "field_t": 3.0, "degc": 20.0}
    found = SYSTEM.certified("T1", "t1", "T1-3", **at).reference
    # SD 0.33 ms and 0.8 % of 984.1 ms
    assert found.standard_uncertainty == pytest.approx(math.hypot(0.33, 0.008 * 984.1))
    for table in SYSTEM.certificate:
        if table.batch == "1" and table.uncertainty and table.group != "fiducial":
            assert table.added_uncertainty_percent >= 0.8
            assert "SD of three" in table.uncertainty_kind


@pytest.mark.parametrize(
    ("group", "quantity", "field", "no_verdict"),
    [
        ("T2", "t2", 3.0, {"T2-6"}),
        ("T2", "t2", 1.5, {f"T2-{n}" for n in range(1, 15)}),
        ("T2", "t1", 1.5, {f"T2-{n}" for n in range(1, 15)}),
        ("T2", "t1", 3.0, set()),
        ("PD", "t2", 1.5, {"PD-14"}),
        ("T1", "t1", 1.5, set()),
        ("T1", "t2", 3.0, set()),
    ],
)
def test_contradicted_entries_of_batch_1_give_no_verdict(group, quantity, field, no_verdict):
    at = {"serial": "130-0020", "field_t": field, "degc": 20.0}
    labels = SYSTEM.find_group(group).labels
    found = {n for n in labels if not SYSTEM.certified(group, quantity, n, **at).gives_verdict}
    assert found == no_verdict


def test_every_entry_that_gives_no_verdict_says_why():
    for phantom in (SYSTEM, DIFFUSION):
        for table in phantom.certificate:
            if table.confidence == "unreliable" or table.unreliable:
                assert table.note, table.describe()
            assert table.uncertainty_kind, table.describe()


def test_rates_grow_in_proportion_to_the_measured_concentration():
    """The scatter that the file states is that of the printed rates about a straight line.

    Concentrations by ICP: Stupic et al. 2021, supporting information.
    """
    nickel = [0.268, 0.556, 1.053, 1.683, 2.579, 3.835, 5.674, 8.142, 11.716, 16.83, 23.827,
              33.922, 48.609, 68.884]  # fmt: skip
    manganese = [0.012, 0.019, 0.028, 0.042, 0.062, 0.091, 0.131, 0.187, 0.267, 0.381, 0.54,
                 0.762, 1.08, 1.527]  # fmt: skip
    cases = [
        ("T1", 1.5, 1, nickel, (), 0.7), ("T1", 3.0, 1, nickel, (), 0.7),
        ("T1", 1.5, 3, nickel, (), 0.75), ("T1", 3.0, 3, nickel, (), 0.7),
        ("T2", 3.0, 1, manganese, (), 0.7), ("T2", 3.0, 3, manganese, ("T2-6",), 1.2),
        ("T2", 1.5, 1, manganese, (), 4.3), ("T2", 1.5, 3, manganese, (), 4.8),
    ]  # fmt: skip
    for group, field, column, content, left_out, expected in cases:
        pairs = [
            (c, 1000 / row[column])
            for c, row in zip(content, BATCH_1[group, field], strict=True)
            if row[0] not in left_out
        ]
        scatter = relative_scatter(pairs)
        assert expected * 0.85 < scatter < expected * 1.05, (group, field, column)


def relative_scatter(pairs):
    """Return the RMS of (a + b c) / R - 1 in percent, least squares in that measure."""
    n = len(pairs)
    saa = sum(1 / r**2 for _, r in pairs)
    sab = sum(c / r**2 for c, r in pairs)
    sbb = sum(c**2 / r**2 for c, r in pairs)
    ya, yb = sum(1 / r for _, r in pairs), sum(c / r for c, r in pairs)
    det = saa * sbb - sab**2
    a, b = (ya * sbb - yb * sab) / det, (yb * saa - ya * sab) / det
    return 100 * math.sqrt(sum(((a + b * c) / r - 1) ** 2 for c, r in pairs) / (n - 2))


def test_the_change_with_field_is_that_between_the_two_fields_of_batch_1():
    """Stated from relaxivities at 1.5 and 3 T; single spheres agree as well as "roughly" asks."""
    for (group, quantity), column in {
        ("T1", "t1"): 1, ("T1", "t2"): 3, ("T2", "t1"): 1, ("T2", "t2"): 3,
    }.items():  # fmt: skip
        both = zip(BATCH_1[group, 1.5][7:], BATCH_1[group, 3.0][7:], strict=True)
        found = sorted(100 * math.log(b[column] / a[column]) / 1.5 for a, b in both)[3]
        stated = {t.percent_per_t for t in SYSTEM.certificate
                  if (t.group, t.quantity) == (group, quantity)}  # fmt: skip
        assert len(stated) == 1
        assert 0.7 < found / stated.pop() < 1.3, (group, quantity)


def test_nickel_of_batch_1_changes_with_temperature_as_that_of_batch_25():
    """From 18 to 22 °C: T1-1 by 1830.34 to 1937.34 ms, which is 1.42 % of 1883.97 ms a degree."""
    for quantity in ("t1", "t2"):
        (late,) = SYSTEM.certificates("T1", quantity, UNIT["2.5"], 3.0)
        assert late.temperature_degc[1:4] == (18.0, 20.0, 22.0)
        expected = [100 * (row[3] - row[1]) / 4 / row[2] for row in late.value]
        for field in (1.5, 3.0):
            (early,) = SYSTEM.certificates("T1", quantity, UNIT["1"], field)
            assert early.percent_per_degc == pytest.approx(expected, abs=6e-4)
    (t1,) = SYSTEM.certificates("T1", "t1", UNIT["1"], 3.0)
    assert t1.percent_per_degc[0] == pytest.approx(1.42, abs=0.005)
    # Stupic et al. 2021: MnCl2 at 3 T 2.7 and 1.6 %/°C, supporting information about 3 and 2 %/°C
    for quantity, change, doubt in (("t1", 2.7, 0.3), ("t2", 1.6, 0.4)):
        (table,) = SYSTEM.certificates("T2", quantity, UNIT["1"], 3.0)
        assert table.percent_per_degc == (change,)
        assert table.percent_per_degc_uncertainty == doubt


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "said", "hint"),
    [
        ({"serial": None, "field_t": 3.0, "degc": 20.0}, "unknown serial", "give the serial"),
        ({"serial": "128-0155", "field_t": 3.0, "degc": 20.0}, "'128-0155'", "up to 130-0041"),
        ({"serial": "130-0093", "field_t": 7.0, "degc": 20.0}, "at 7 T", "field that is certified"),
        ({"serial": "130-0093", "field_t": None, "degc": 20.0}, "unknown field", "import"),
        ({"serial": "130-0093", "field_t": 3.0, "degc": 26.1}, "26.1 °C", "maker's values"),
        ({"serial": "130-0093", "field_t": 3.0, "degc": 15.9}, "15.9 °C", "maker's values"),
        ({"serial": "130-0020", "field_t": 3.0, "degc": 22.1}, "at most 2 °C", "maker's values"),
    ],
)
def test_no_value_is_made_up(conditions, said, hint):
    with pytest.raises(CertificateError) as error:
        SYSTEM.certified("T1", "t1", "T1-1", **conditions)
    assert said in error.value.message
    assert hint in error.value.hint


def test_a_quantity_that_nothing_certifies():
    at = {"serial": "130-0093", "field_t": 3.0, "degc": 20.0}
    with pytest.raises(CertificateError, match="none of adc, only of t1, t2"):
        SYSTEM.certified("T1", "adc", "T1-1", **at)
    with pytest.raises(KeyError, match="no group 'T3'"):
        SYSTEM.certified("T3", "t1", "T1-1", **at)
