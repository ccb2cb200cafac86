"""The certified value that a measurement is compared with, and its budget."""

import dataclasses
import math
from types import SimpleNamespace

import pytest

from qiqa.io.definitions import load_phantom
from qiqa.measure import Conditions
from qiqa.measure._certified import certified

SYSTEM = load_phantom("nist_system")
AT = Conditions(
    serial="130-0200",
    temperature_degc=20.0,
    temperature_uncertainty_degc=0.5,
    temperature_source="entered",
    field_strength_t=3.0,
)


def reference(label: str, quantity: str, **changes):
    """Return what is found at conditions; of a view, no image is needed for that."""
    group = SYSTEM.find_group(label.rpartition("-")[0])
    view = SimpleNamespace(
        phantom=SYSTEM,
        quantity=quantity,
        conditions=dataclasses.replace(AT, **changes),
        group=lambda _: group,
    )
    return certified(view, SimpleNamespace(group=group.name, label=label))


@pytest.mark.parametrize(("label", "quantity"), [("T2-4", "t2"), ("T1-4", "t1"), ("T1-4", "t2")])
def test_same_value_as_the_phantom_gives(label, quantity):
    for field in (2.89, 3.0):
        got = reference(label, quantity, field_strength_t=field)
        other = SYSTEM.certified(
            label.rpartition("-")[0], quantity, label, serial=AT.serial, field_t=field, degc=20.0
        )
        assert got.value.value == other.reference.value
        assert got.budget[0].standard_uncertainty == other.reference.standard_uncertainty
        u = math.hypot(*(line.standard_uncertainty for line in got.budget))
        assert got.value.standard_uncertainty == pytest.approx(u)


def test_another_field_adds_the_change_of_r2_to_the_doubt():
    """R2 of MnCl2 grows by 21 % a tesla (Stupic et al. 2021): 2.4 % of T2 from 3.007 to 2.89 T."""
    same, other = (reference("T2-4", "t2", field_strength_t=f) for f in (3.00672, 2.89))
    assert same.value.value == other.value.value
    added = math.sqrt(
        other.budget[0].standard_uncertainty ** 2 - same.budget[0].standard_uncertainty ** 2
    )
    assert 100 * added / same.value.value == pytest.approx(2.4, abs=0.1)
    assert "2.89 T" in other.budget[0].note
    assert "2.89" not in (same.budget[0].note or "")


def test_without_a_table_or_a_temperature_there_is_none():
    found = reference("T2-4", "t2", field_strength_t=7.0)
    assert found.value is None
    assert "no certificate of t2 in T2-4 for unit 130-0200 at 7 T" in found.doubt
    assert "serial number" in reference("T2-4", "t2", serial=None).doubt
    assert "temperature is unknown" in reference("T2-4", "t2", temperature_degc=None).doubt
