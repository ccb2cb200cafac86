"""What every measurement carries, and that one broken family takes no other down."""

from __future__ import annotations

import math
import sys

import pytest

from qiqa import measure as measuring
from qiqa.core.finding import Severity
from qiqa.core.registry import Registry
from qiqa.measure import FAMILIES, StackView, measure
from qiqa.metrology.budget import combine

SERIES = ("GE_Artist_1.5T_T1", "PhilipsAchieva", "GE_Signa_3T_T2", "SiemensMTF")


@pytest.mark.parametrize("folder", SERIES)
def test_a_value_has_a_budget_an_interval_and_no_reason_or_a_reason_alone(acr_numbers, folder):
    numbers = acr_numbers(folder)
    assert len(numbers) >= 13
    for name, m in numbers.items():
        assert m.unit, name
        assert m.quantity, name
        assert m.series_uid, name
        assert m.stack, name
        assert m.role == "T1", name
        if not m.measured:
            assert math.isnan(m.value), name
            assert m.reason, name
            assert m.interval is None, name
            continue
        assert m.reason is None, name
        assert m.algorithm, name
        assert m.budget, name
        assert len({line.name for line in m.budget}) == len(m.budget), name
        u, dof = combine(m.budget)
        assert m.standard_uncertainty == pytest.approx(u, rel=1e-9), name
        assert m.degrees_of_freedom == pytest.approx(dof, rel=1e-9), name
        assert m.standard_uncertainty > 0, name
        assert all(line.evaluation in ("A", "B") for line in m.budget), name
        assert m.interval.low <= m.value <= m.interval.high, name
        assert m.interval.coverage == 0.95, name


@pytest.mark.parametrize("name", FAMILIES.names())
def test_families_keep_the_contract(name):
    module = FAMILIES.load(name)
    kinds = ("axial_stack", "localizer", "any", "inserts", "images", "fiducial")
    assert module.KIND in kinds
    family, version = module.ALGORITHM.split("/")
    assert family
    assert int(version) >= 1
    for entry in module.NAMES:
        measurement, quantity, unit, number = entry
        assert measurement == measurement.lower()
        assert quantity
        assert unit
        assert number is None or 1 <= number <= 11


@pytest.fixture
def temporary_families(tmp_path, monkeypatch):
    """Put a registry of three families, made for this test, in the place of the real one."""
    package = tmp_path / "families_for_a_test"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    body = """
KIND = "axial_stack"
ALGORITHM = "{name}/1"
NAMES = (("{name}", "{name}", "mm", 7),)


def measure(view, siblings):
    {action}
"""
    actions = {
        "first_broken": "raise ZeroDivisionError('by zero')",
        "good": "from qiqa.measure.uniformity import measure as piu\n"
        "    return piu(view, siblings)",
        "last_unmeasurable": "from qiqa.core.errors import NotMeasurable\n"
        "    raise NotMeasurable('nothing to see')",
    }
    for name, action in actions.items():
        text = body.format(name=name, action=action)
        (package / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(measuring, "FAMILIES", Registry("families_for_a_test"))
    yield tuple(sorted(actions))
    for name in [n for n in sys.modules if n.startswith("families_for_a_test")]:
        del sys.modules[name]


def test_a_broken_family_takes_no_other_down(acr_located, phantom, temporary_families):
    series, pose = acr_located("GE_Artist_1.5T_T1")
    view = StackView(series, pose, phantom, "T1")
    broken, good, unmeasurable = measure(view, temporary_families, (view,))
    (lost,) = broken.measurements
    assert lost.name == "first_broken"
    assert not lost.measured
    assert "ZeroDivisionError" in lost.reason
    (finding,) = broken.findings
    assert finding.code == "test_failed"
    assert finding.severity is Severity.ERROR
    assert finding.hint
    assert good.measurements[0].measured
    assert unmeasurable.measurements[0].reason == "nothing to see"
    assert unmeasurable.findings == ()
