"""The certified value of an insert at the conditions of a scan, with the budget of that value."""

from __future__ import annotations

import dataclasses
import math

from qiqa.core.certificate import Certificate
from qiqa.core.errors import CertificateError
from qiqa.core.measurement import BudgetLine
from qiqa.core.phantom import ReferenceValue
from qiqa.core.pose import InsertPosition
from qiqa.measure.insert_view import Conditions, InsertView

__all__ = ["CertifiedInsert", "certified"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedInsert:
    """What a value is compared with."""

    value: ReferenceValue | None = None
    budget: tuple[BudgetLine, ...] = ()
    doubt: str | None = None
    """Why there is no value, or what is wrong with it."""
    said: str | None = None
    """What is to be known of the value."""


def certified(view: InsertView, insert: InsertPosition) -> CertifiedInsert:
    """Return the certified value of the mapped quantity in an insert; none is made up."""
    conditions = view.conditions
    rows = view.group(insert).labels
    try:
        table = view.phantom.table_for(
            insert.group,
            view.quantity,
            insert.label,
            serial=conditions.serial,
            field_t=conditions.field_strength_t,
        )
    except CertificateError:
        return CertifiedInsert(doubt=_no_table(view, insert))
    if conditions.temperature_degc is None:
        return CertifiedInsert(doubt="no reference value: the temperature is unknown")
    try:
        found = table.at(
            insert.label, rows, conditions.temperature_degc, conditions.field_strength_t
        )
    except CertificateError as error:
        return CertifiedInsert(doubt=f"no reference value: {error.message}")
    budget = _budget(table, conditions, found.reference, found.per_degc)
    u = math.hypot(*(line.standard_uncertainty for line in budget))
    value = dataclasses.replace(found.reference, standard_uncertainty=u)
    doubt = None
    if value.confidence == "unreliable":
        doubt = f"the certified value is unreliable: {table.note or table.source}"
    elif not math.isfinite(u):
        doubt = "the uncertainty of the certified value is unknown"
    return CertifiedInsert(value=value, budget=budget, doubt=doubt)


def _budget(
    table: Certificate, conditions: Conditions, reference: ReferenceValue, per_degc: float
) -> tuple[BudgetLine, ...]:
    warm = abs(per_degc) * conditions.temperature_uncertainty_degc
    if conditions.temperature_uncertainty_degc == 0.0:
        warm = 0.0
    return (
        BudgetLine(
            name="certificate",
            standard_uncertainty=reference.standard_uncertainty,
            note="; ".join(filter(None, (table.uncertainty_kind, _other_field(table, conditions))))
            or None,
        ),
        BudgetLine(
            name="temperature",
            standard_uncertainty=warm,
            note=f"{conditions.temperature_degc:g} ± "
            f"{conditions.temperature_uncertainty_degc:.2g} °C, {conditions.temperature_source}",
        ),
    )


def _other_field(table: Certificate, conditions: Conditions) -> str:
    """Return in words that the scan ran at another field, where that adds to the uncertainty."""
    field, measured = conditions.field_strength_t, table.measured_at_t
    if field is None or measured is None or field == measured or not table.percent_per_t:
        return ""
    return f"holds the change from {measured:g} to {field:g} T"


def _no_table(view: InsertView, insert: InsertPosition) -> str:
    conditions = view.conditions
    if conditions.serial is None:
        return "no reference value: the serial number of the phantom is unknown"
    field = conditions.field_strength_t
    at = "at an unknown field" if field is None else f"at {field:g} T"
    return (
        f"no reference value: no certificate of {view.quantity} in {insert.label} for unit "
        f"{conditions.serial} {at}"
    )
