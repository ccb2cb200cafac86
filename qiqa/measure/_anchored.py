"""T2 that an insert should have by its T1 on the same scanner, where a protocol asks for it."""

from __future__ import annotations

import math

from qiqa.core.anchored import RelaxivityRatio, anchored_t2, relaxivity_ratio
from qiqa.core.errors import CertificateError
from qiqa.core.measurement import BudgetLine
from qiqa.core.pose import InsertPosition
from qiqa.measure._certified import CertifiedInsert, certified
from qiqa.measure.insert_view import InsertView

__all__ = ["ANCHORED", "reference_of"]

ANCHORED = "t1_anchored"
_SAID = (
    "the reference is anchored to T1 of this insert on this scanner by the certified ratio of "
    "relaxivities: it shows whether T1 and T2 agree, not which of them is wrong"
)


def reference_of(
    view: InsertView, insert: InsertPosition, t1: dict[str, tuple[float, float]]
) -> CertifiedInsert:
    """Return what the value of an insert is compared with.

    Parameters
    ----------
    t1
        T1 and its standard uncertainty [ms] by insert, as measured in the same exam.
    """
    if view.reference != ANCHORED or view.quantity != "t2":
        return certified(view, insert)
    known = t1.get(insert.label)
    if known is None:
        return CertifiedInsert(
            doubt=f"no reference value: T2 is anchored to T1, and T1 of {insert.label} was not "
            "measured in this exam (add an inversion recovery of the same spheres)"
        )
    degc = view.conditions.temperature_degc
    if degc is None:
        return CertifiedInsert(doubt="no reference value: the temperature is unknown")
    try:
        ratio = _ratio(view, insert)
        found = anchored_t2(*known, ratio, degc=degc, insert=insert.label)
    except CertificateError as error:
        return CertifiedInsert(doubt=f"no reference value: {error.message}")
    whole = found.reference.standard_uncertainty
    rest = math.sqrt(max(whole**2 - found.u_t1_ms**2, 0.0))
    budget = (
        BudgetLine(
            name="T1 of this scanner",
            standard_uncertainty=found.u_t1_ms,
            note=f"T1 = {known[0]:.4g} ± {known[1]:.2g} ms",
        ),
        BudgetLine(
            name="ratio of relaxivities",
            standard_uncertainty=rest,
            note=f"R2/R1 = {ratio.value:.2f}, {100 * ratio.relative_sd:.1f} % from sphere to "
            f"sphere ({ratio.n}); temperature, and relaxation of the water",
        ),
    )
    return CertifiedInsert(value=found.reference, budget=budget, said=_SAID)


def _ratio(view: InsertView, insert: InsertPosition) -> RelaxivityRatio:
    """Return the ratio of the first two tables that belong together."""
    conditions = view.conditions
    tables = [
        view.phantom.certificates(
            insert.group, quantity, conditions.serial, conditions.field_strength_t
        )
        for quantity in ("t1", "t2")
    ]
    why = CertificateError(
        f"no certificate gives T1 and T2 of {insert.group} for unit "
        f"{conditions.serial or 'of unknown serial number'} at this field",
        where=view.phantom.id,
    )
    for first in tables[0]:
        for second in tables[1]:
            try:
                return relaxivity_ratio(first, second)
            except CertificateError as error:
                why = error
    raise why
