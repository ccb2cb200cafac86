"""What a certificate says at the conditions of a scan, and what it refuses to say."""

import dataclasses
import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qiqa.core.certificate import Batch, Certificate
from qiqa.core.errors import CertificateError
from qiqa.core.phantom import Phantom, Supplement

PLAIN = Certificate(
    group="g",
    quantity="t1",
    unit="ms",
    temperature_degc=(16.0, 18.0, 20.0),
    value=((100.0, 110.0, 130.0), (10.0, 11.0, 13.0)),
    uncertainty=((3.0, 3.0, 6.0), (0.3, 0.3, 0.6)),
    coverage_factor=3.0,
    confidence="certified",
    unreliable=("b",),
    source="s",
)
LABELS = ("a", "b")
ONE = dataclasses.replace(
    PLAIN, temperature_degc=(20.0,), value=((100.0,), (10.0,)), uncertainty=((3.0,), (0.3,))
)


@st.composite
def tables(draw, *, rising=False):
    """Draw a certificate of one insert with steps that a straight line may cross."""
    steps = draw(st.lists(st.floats(0.5, 5.0), min_size=1, max_size=8))
    start = draw(st.floats(-5.0, 30.0))
    degc = [start]
    for step in steps:
        degc.append(degc[-1] + step)
    values = draw(
        st.lists(st.floats(1e-4, 5e3), min_size=len(degc), max_size=len(degc), unique=rising)
    )
    if rising:
        values = sorted(values)
    return dataclasses.replace(
        PLAIN,
        temperature_degc=tuple(degc),
        value=(tuple(values),),
        uncertainty=(tuple(v / 100 for v in values),),
        inserts=("a",),
    )


@settings(deadline=None)
@given(tables(), st.floats(0.0, 1.0))
def test_between_neighbors_lies_between_them(table, part):
    t = table.temperature_degc
    degc = t[0] + part * (t[-1] - t[0])
    assume(t[0] <= degc <= t[-1])
    n = min(max(i for i, x in enumerate(t) if x <= degc), len(t) - 2)
    low, high = sorted(table.value[0][n : n + 2])
    found = table.at("a", ("a",), degc).reference
    assert low * (1 - 1e-9) <= found.value <= high * (1 + 1e-9)
    u_low, u_high = low / 300, high / 300
    assert u_low * (1 - 1e-9) <= found.standard_uncertainty <= u_high * (1 + 1e-9)


@settings(deadline=None)
@given(tables())
def test_at_a_tabulated_temperature_it_is_the_table(table):
    for n, degc in enumerate(table.temperature_degc):
        found = table.at("a", ("a",), degc)
        assert found.reference.value == pytest.approx(table.value[0][n], rel=1e-9)


def test_a_step_of_five_degrees_is_one_wherever_it_begins():
    assert 20.1 - 15.1 > 5
    table = dataclasses.replace(
        PLAIN,
        temperature_degc=(15.1, 20.1),
        value=((100.0, 110.0), (10.0, 11.0)),
        uncertainty=((3.0, 3.0), (0.3, 0.3)),
    )
    found = table.at("a", LABELS, 17.6).reference
    assert found.value == pytest.approx(105.0, rel=1e-12)


@settings(deadline=None)
@given(tables(rising=True), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_rising_table_stays_rising(table, one, other):
    t = table.temperature_degc
    low, high = (t[0] + part * (t[-1] - t[0]) for part in sorted((one, other)))
    assume(high <= t[-1])
    below, above = (table.at("a", ("a",), degc).reference.value for degc in (low, high))
    assert below <= above * (1 + 1e-12)


@settings(deadline=None)
@given(tables(), st.floats(1e-6, 1e3), st.booleans())
def test_outside_it_refuses_and_names_what_it_holds(table, away, above):
    t = table.temperature_degc
    degc = t[-1] + away if above else t[0] - away
    with pytest.raises(CertificateError, match="outside of what the certificate holds") as error:
        table.at("a", ("a",), degc)
    assert f"{t[0]:g}" in error.value.message
    assert error.value.hint


@pytest.mark.parametrize("degc", [math.nan, math.inf, -math.inf])
def test_a_temperature_that_is_no_number_is_refused(degc):
    for table in (PLAIN, ONE, dataclasses.replace(ONE, carry_degc=2.0, percent_per_degc=(1.0,))):
        with pytest.raises(CertificateError, match="outside"):
            table.at("a", LABELS, degc)


def test_value_slope_and_uncertainty_by_hand():
    # 110 + 20/2 * 0.5 = 115; printed 3 + 3/2 * 0.5 = 3.75, over 3 = 1.25
    found = PLAIN.at("a", LABELS, 18.5)
    assert found.reference.value == pytest.approx(115.0)
    assert found.reference.standard_uncertainty == pytest.approx(1.25)
    assert found.per_degc == pytest.approx(10.0)
    assert found.reference.temperature_degc == 18.5
    assert found.gives_verdict


def test_an_unreliable_entry_is_given_but_no_ground_for_a_verdict():
    found = PLAIN.at("b", LABELS, 18.0)
    assert found.reference.value == 11.0
    assert found.reference.confidence == "unreliable"
    assert not found.gives_verdict
    whole = dataclasses.replace(PLAIN, confidence="unreliable")
    assert not whole.at("a", LABELS, 18.0).gives_verdict


def test_without_an_uncertainty_there_is_no_verdict():
    found = dataclasses.replace(PLAIN, uncertainty=()).at("a", LABELS, 18.0)
    assert math.isnan(found.reference.standard_uncertainty)
    assert not found.gives_verdict


def test_what_the_certificate_leaves_out_is_added_in_quadrature():
    added = dataclasses.replace(
        PLAIN, added_uncertainty_percent=0.75 / 100 * 100, added_uncertainty_reason="r"
    )
    # 1.0 printed and 0.75 % of 100: hypot = 1.25
    assert added.at("a", LABELS, 16.0).reference.standard_uncertainty == pytest.approx(1.25)
    alone = dataclasses.replace(added, uncertainty=())
    assert alone.at("a", LABELS, 16.0).reference.standard_uncertainty == pytest.approx(0.75)
    assert alone.at("a", LABELS, 16.0).gives_verdict


def test_another_field_counts_as_doubt_and_moves_no_value():
    table = dataclasses.replace(PLAIN, measured_at_t=3.0, percent_per_t=-20.0)
    at_3 = table.at("a", LABELS, 16.0, 3.0).reference
    at_29 = table.at("a", LABELS, 16.0, 2.9).reference
    assert at_3.standard_uncertainty == pytest.approx(1.0)
    assert at_29.value == at_3.value == 100.0
    assert at_29.standard_uncertainty == pytest.approx(math.hypot(1.0, 2.0))  # 20 %/T * 0.1 T
    assert at_3.field_strength_t == 3.0


def test_one_temperature_holds_there_only_unless_it_may_be_carried():
    assert math.isnan(ONE.at("a", LABELS, 20.0).per_degc)
    with pytest.raises(CertificateError, match=r"20.5 °C is outside .* \(20 °C\)"):
        ONE.at("a", LABELS, 20.5)
    carried = dataclasses.replace(
        ONE, percent_per_degc=(2.0, -1.0), percent_per_degc_uncertainty=0.5, carry_degc=2.0
    )
    up = carried.at("a", LABELS, 21.5)
    assert up.reference.value == pytest.approx(103.0)
    assert up.per_degc == pytest.approx(2.0)
    assert up.reference.standard_uncertainty == pytest.approx(math.hypot(1.0, 0.75))
    assert carried.at("b", LABELS, 21.0).reference.value == pytest.approx(9.9)
    with pytest.raises(CertificateError, match="carried by at most 2 °C"):
        carried.at("a", LABELS, 22.01)


def test_the_far_end_of_a_wide_step_carries_one_degree():
    # ice water and room temperature: no straight line from 0 to 16 °C
    table = dataclasses.replace(
        PLAIN,
        temperature_degc=(0.0, 16.0, 18.0),
        value=((1100.0, 1800.0, 1900.0),),
        uncertainty=((8.0, 13.0, 14.0),),
        coverage_factor=1.0,
        inserts=("a",),
    )
    near = table.at("a", LABELS, 0.5)
    slope = 700 / 16
    assert near.reference.value == pytest.approx(1100 + 0.5 * slope)
    printed = 8 + 5 / 16 * 0.5
    assert near.reference.standard_uncertainty == pytest.approx(
        math.hypot(printed, 0.1 * slope * 0.5)
    )
    for degc in (1.5, 8.0, 14.5):
        with pytest.raises(CertificateError, match="outside"):
            table.at("a", LABELS, degc)


def test_a_quantity_without_temperature_holds_at_any():
    table = dataclasses.replace(ONE, temperature_degc=())
    for degc in (5.0, 37.0):
        found = table.at("b", LABELS, degc)
        assert (found.reference.value, found.per_degc) == (10.0, 0.0)
        assert found.reference.temperature_degc is None


def test_a_single_row_is_for_every_insert():
    table = dataclasses.replace(
        PLAIN, value=PLAIN.value[:1], uncertainty=PLAIN.uncertainty[:1], unreliable=()
    )
    values = {table.at(label, LABELS, 17.0).reference.value for label in LABELS}
    assert values == {105.0}
    with pytest.raises(CertificateError, match="no value for c"):
        table.at("c", LABELS, 17.0)


@pytest.mark.parametrize(
    ("serial", "holds"),
    [
        ("130-0042", True),
        ("130-0132", True),
        (" 130-0100 ", True),
        ("130-0041", False),
        ("130-0133", False),
        ("128-0100", False),
        ("0100", False),
        ("130-", False),
        ("130-²", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_serials_of_a_batch(serial, holds):
    assert Batch(name="2", serials=("130-0042", "130-0132")).holds(serial) is holds


def test_open_ends_of_a_batch():
    first, last = (
        Batch(name="1", serials=("", "130-0041")),
        Batch(name="3", serials=("130-0133", "")),
    )
    assert [first.holds(s) for s in ("130-0001", "130-0041", "130-0042", "x-1")] == [
        True, True, False, False,
    ]  # fmt: skip
    assert [last.holds(s) for s in ("130-0132", "130-0133", "130-9999")] == [False, True, True]
    assert (first.span, last.span) == ("up to 130-0041", "from 130-0133 on")


def test_a_table_of_one_unit_is_for_no_other():
    own = dataclasses.replace(PLAIN, serial="130-0093")
    assert own.holds("2", " 130-0093 ", None)
    assert not own.holds("2", "130-0094", None)
    assert not own.holds("2", None, None)
    banded = dataclasses.replace(PLAIN, field_strength_t=(2.8, 3.1))
    assert [banded.holds(None, None, b) for b in (2.8, 3.1, 2.7, 3.2, None)] == [
        True, True, False, False, False,
    ]  # fmt: skip


def test_only_the_files_of_this_unit_count_for_it():
    phantom = Phantom(
        schema="s", id="p", name="P", family="f", frame="x", source="s", path="p.toml",
        sha256="0", supplements=(Supplement(path="u.toml", sha256="1", serial="130-0093"),),
    )  # fmt: skip
    assert phantom.files("130-0093") == (("p.toml", "0"), ("u.toml", "1"))
    assert phantom.files("130-0094") == phantom.files(None) == (("p.toml", "0"),)
