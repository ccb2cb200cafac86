"""Measurements on located series: one file a family of tests. No verdicts, no drawing."""

from __future__ import annotations

from types import ModuleType
from typing import cast

from qiqa.core.errors import NotMeasurable
from qiqa.core.finding import Finding, Severity
from qiqa.core.measurement import Measurement
from qiqa.core.registry import Registry
from qiqa.measure._insert_bodies import insert_body, insert_grid
from qiqa.measure._insert_roi import InsertRoi
from qiqa.measure.insert_fit import InsertFit, spread_beyond_noise
from qiqa.measure.insert_values import insert_disks, insert_means, insert_voxels, measured_t1
from qiqa.measure.insert_view import Conditions, InsertView
from qiqa.measure.outcome import Outcome, not_measured
from qiqa.measure.stack_view import StackView
from qiqa.measure.view import View

__all__ = [
    "FAMILIES",
    "Conditions",
    "InsertFit",
    "InsertRoi",
    "InsertView",
    "Outcome",
    "StackView",
    "View",
    "insert_body",
    "insert_disks",
    "insert_grid",
    "insert_means",
    "insert_voxels",
    "measure",
    "measured_t1",
    "spread_beyond_noise",
]

FAMILIES = Registry(
    "qiqa.measure",
    exclude=("outcome", "view", "stack_view", "insert_view", "insert_fit", "wall", "pictures"),
)
"""Modules of test families. Each has NAMES (name, quantity, unit, slice or None), KIND
(`axial_stack`, `localizer`, `inserts`, `images`, `fiducial` or `any`), ALGORITHM and
`measure(view, siblings) -> Outcome`."""


def measure(view: View, families: tuple[str, ...], siblings: tuple[View, ...]) -> list[Outcome]:
    """Run families of tests on one series; a family that fails takes no other down.

    Parameters
    ----------
    view
        The series.
    families
        Names of modules.
    siblings
        Other series of the exam, for tests that need a pair.
    """
    outcomes = []
    for name in families:
        try:
            module = FAMILIES.load(name)
        except Exception as error:  # noqa: BLE001 - a broken file must not take the exam down
            outcomes.append(Outcome(findings=(_fault(name, view, error),)))
            continue
        if module.KIND in ("any", view.kind):
            outcomes.append(_guarded(name, module, view, siblings))
    return outcomes


def _guarded(name: str, module: ModuleType, view: View, siblings: tuple[View, ...]) -> Outcome:
    try:
        return cast(Outcome, module.measure(view, siblings))
    except NotMeasurable as reason:
        return Outcome(measurements=_empty(module, view, reason.message))
    except Exception as error:  # noqa: BLE001 - one faulty test must not take the exam down
        text = f"the test failed: {type(error).__name__}: {error}"
        return Outcome(
            measurements=_empty(module, view, text), findings=(_fault(name, view, error),)
        )


def _fault(name: str, view: View, error: Exception) -> Finding:
    return Finding(
        code="test_failed",
        severity=Severity.ERROR,
        message=f"the test {name!r} failed: {type(error).__name__}: {error}",
        where=view.series.header.description,
        hint="please report this with the images; the other tests stand",
        series_uid=view.series.header.series_uid,
    )


def _empty(module: ModuleType, view: View, reason: str) -> tuple[Measurement, ...]:
    return tuple(
        not_measured(view, name, quantity, unit, reason, number)
        for name, quantity, unit, number in module.NAMES
    )
