"""Bias of every scanner of a trial: estimated, explained, held against the claim."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from qiqa.core.measurement import BudgetLine
from qiqa.core.trial import (
    BiasStudy,
    Exchange,
    Flag,
    ScannerBias,
    VarianceComponent,
)
from qiqa.harmonize.scanners.cells import Cells, cells_of
from qiqa.harmonize.scanners.claims import answers
from qiqa.harmonize.scanners.differences import Differences, known_units
from qiqa.harmonize.scanners.levels import Level, Levels, component, levels_of
from qiqa.harmonize.scanners.preparing import Prepared
from qiqa.harmonize.scanners.references import ReferenceParts, reference_parts
from qiqa.harmonize.scanners.stability import unstable_scanners
from qiqa.harmonize.scanners.vendors import vendor_effect
from qiqa.metrology.budget import combine, coverage_factor
from qiqa.metrology.estimable import connected, exchanges

__all__ = ["study_bias"]


def study_bias(prepared: Prepared, claim: float | None) -> BiasStudy:
    """Study one measurement on all scanners; see docs/decisions/scanner-bias.md for every rule.

    Parameters
    ----------
    prepared
        Readings beside their references.
    claim
        Largest bias that is allowed, in the unit of the differences: percent of the reference, or
        the unit of the readings. None: no answer is given.
    """
    found = prepared.found
    r = found.readings
    cells = cells_of(found)
    levels = levels_of(cells)
    references = reference_parts(cells, levels)
    places = [_with_exams(cells, levels, references, i) for i in range(len(cells.names))]
    scanners = tuple(
        _scanner(cells, found, i, places[i], float(references.u[i, 0]))
        for i in range(len(cells.names))
    )
    scanners = _one_present_epoch(scanners)
    if claim is not None:
        whole = any(levels.sloped)
        against = [
            _against(levels, prepared.flags, scanners[i].scanner, i, whole=whole)
            for i in range(len(scanners))
        ]
        scanners = answers(scanners, places, claim, found.unit, against)
    present = [i for i, one in enumerate(scanners) if one.current]
    shared = levels.covariance + references.covariance(with_alone=False)
    vendor, spread = vendor_effect([scanners[i] for i in present], shared[np.ix_(present, present)])
    parts = connected(r.scanner, known_units(found))
    components = [*levels.components, *_exam_components(cells)]
    return BiasStudy(
        name=r.name,
        quantity=r.quantity,
        unit=found.unit,
        basis=found.basis,
        claim=claim,
        range=(float(found.reference.min()), float(found.reference.max())),
        measured_unit=r.unit,
        scanners=scanners,
        components=tuple(components if spread is None else [spread, *components]),
        vendor=vendor,
        groups=tuple(part.first for part in parts),
        exchanges=_exchanges(found),
        flags=(
            *prepared.flags,
            *unstable_scanners(found),
            *_crooked(scanners, levels),
            *_confounded(found, len(parts)),
        ),
        readings=len(r),
        left_out=prepared.left_out,
        ends_covariance=_ends_covariance(levels, references, places),
    )


def _against(levels: Levels, flags: Sequence[Flag], scanner: str, i: int, *, whole: bool) -> str:
    """Return why a scanner cannot be in claim over the whole range; empty: nothing does."""
    if levels.disagree[i]:
        return "its inserts disagree more than those of other scanners: no straight line holds"
    if whole and not levels.sloped[i]:
        return "fewer than three inserts: nothing is known along the references"
    if any(flag.kind == "moved_or_unit" and flag.where == scanner for flag in flags):
        return "it moved or its phantom units differ: the mean of two places is neither"
    return ""


def _ends_covariance(
    levels: Levels, references: ReferenceParts, places: Sequence[tuple[Level, Level, Level]]
) -> NDArray[np.float64]:
    """Return the (2 k, 2 k) covariance of biases, k at the lowest, then k at the highest reference.

    A scanner without a slope is the same at both ends.
    """
    k = len(places)
    total = levels.covariance + references.covariance()
    low = [i + (k if levels.sloped[i] else 0) for i in range(k)]
    high = [i + (2 * k if levels.sloped[i] else 0) for i in range(k)]
    made = total[np.ix_(low + high, low + high)]
    unknown = np.tile([not math.isfinite(at[0].standard_uncertainty) for at in places], 2)
    made[unknown] = math.nan
    made[:, unknown] = math.nan
    return np.asarray(made, dtype=np.float64)


def _with_exams(
    cells: Cells, levels: Levels, references: ReferenceParts, i: int
) -> tuple[Level, Level, Level]:
    """Return levels with what exams and references add to their uncertainty."""
    made = []
    for level, day, reference in zip(
        levels.at[i], levels.day_variance[i], references.u[i], strict=True
    ):
        lines = [
            BudgetLine(
                name="exam",
                standard_uncertainty=math.sqrt(float(day)),
                degrees_of_freedom=float(cells.scatter.degrees_of_freedom[i]) or 1.0,
            )
        ]
        if math.isfinite(reference):
            lines.append(BudgetLine(name="reference", standard_uncertainty=float(reference)))
        made.append(_add(level, lines))
    middle, low, high = made
    return (middle, low, high) if levels.sloped[i] else (middle, middle, middle)


def _add(level: Level, lines: list[BudgetLine]) -> Level:
    own = BudgetLine(
        name="inserts",
        standard_uncertainty=level.standard_uncertainty,
        degrees_of_freedom=max(level.degrees_of_freedom, 1.0),
    )
    if not math.isfinite(lines[0].standard_uncertainty):
        # nobody was scanned twice: what a day does is not known, and an interval would leave it out
        return Level(value=level.value, standard_uncertainty=math.nan, degrees_of_freedom=0.0)
    u, df = combine((own, *lines))
    return Level(value=level.value, standard_uncertainty=u, degrees_of_freedom=df)


def _scanner(
    cells: Cells,
    found: Differences,
    i: int,
    places: tuple[Level, Level, Level],
    reference_u: float,
) -> ScannerBias:
    scanner, epoch = cells.names[i]
    r = found.readings
    own = cells.of_reading == i
    middle, low, high = places
    at = found.moments(own)
    newest = found.moments(r.scanner == scanner).max()
    return ScannerBias(
        scanner=scanner,
        epoch=epoch,
        site=str(r.site[own][0]),
        manufacturer=str(r.manufacturer[own][0]),
        first=at.min().astype(dt.datetime),
        last=at.max().astype(dt.datetime),
        bias=middle.value,
        standard_uncertainty=middle.standard_uncertainty,
        degrees_of_freedom=middle.degrees_of_freedom,
        bias_interval=_interval(middle),
        ends=(low.value, high.value),
        ends_intervals=(_interval(low), _interval(high)),
        reference_u=reference_u,
        exam_sd=float(cells.scatter.sd[i]),
        exam_df=float(cells.scatter.degrees_of_freedom[i]),
        n=int(own.sum()),
        exams=int(cells.scatter.exams[i]),
        phantom_units=tuple(sorted({str(u) for u in r.phantom_unit[own] if u})),
        claim=None,
        p_in=math.nan,
        p_out=math.nan,
        reason="no claim is stated",
        current=bool(at.max() == newest),
    )


def _interval(level: Level) -> tuple[float, float]:
    if not level.standard_uncertainty >= 0.0:
        return (math.nan, math.nan)
    half = coverage_factor(level.degrees_of_freedom) * level.standard_uncertainty
    return (level.value - half, level.value + half)


def _exam_components(cells: Cells) -> list[VarianceComponent]:
    made = []
    df = cells.scatter.own
    if df.sum() > 0:
        variance = float(np.median(cells.scatter.sd**2))
        made.append(component("exam, all inserts together", variance, float(df.sum())))
    if cells.noise_df > 0:
        made.append(component("exam by insert", cells.noise_sd**2, cells.noise_df))
    return made


def _exchanges(found: Differences) -> tuple[Exchange, ...]:
    if (found.readings.phantom_unit == "").all():
        return ()
    stated = {*found.readings.phantom_unit.tolist()}
    return tuple(
        Exchange(
            phantom_unit=one.second,
            scanner=one.first,
            reason=f"would connect group {one.joins[1] + 1} with group {one.joins[0] + 1}",
        )
        for one in exchanges(found.readings.scanner, known_units(found))
        if one.second in stated
    )


def _one_present_epoch(scanners: tuple[ScannerBias, ...]) -> tuple[ScannerBias, ...]:
    """Return scanners with one present epoch each: of two that end on one day, that begun last."""
    newest: dict[str, int] = {}
    for k, one in enumerate(scanners):
        if one.current:
            held = newest.setdefault(one.scanner, k)
            if scanners[held].first <= one.first:
                newest[one.scanner] = k
    return tuple(
        dataclasses.replace(one, current=newest.get(one.scanner) == k)
        for k, one in enumerate(scanners)
    )


def _crooked(scanners: Sequence[ScannerBias], levels: Levels) -> list[Flag]:
    return [
        Flag(
            kind="inserts_disagree",
            where=one.scanner,
            reason="its inserts are farther from its own line than those of other scanners",
            hint="look at each insert: a label, a bubble, or gradients off-center",
        )
        for one, crooked in zip(scanners, levels.disagree, strict=True)
        if crooked
    ]


def _confounded(found: Differences, groups: int) -> list[Flag]:
    """Say what cannot be told apart, and what was taken as exact."""
    flags = []
    name = found.readings.name
    unit = found.readings.phantom_unit
    if (unit == "").all():
        flags.append(
            Flag(
                kind="phantom_units_unknown",
                where=name,
                reason="no phantom unit is stated: what differs between phantoms is part of the "
                "bias of their scanners",
                hint="state phantom_unit (--phantom-unit)",
            )
        )
    elif (unit == "").any():
        silent = sorted({*found.readings.scanner[unit == ""].tolist()})
        flags.append(
            Flag(
                kind="phantom_units_unknown",
                where=", ".join(silent[:5]) + (", ..." if len(silent) > 5 else ""),
                reason=f"{int((unit == '').sum())} readings state no phantom unit, or a wrong one: "
                "what differs between phantoms is part of the bias of these scanners",
                hint="state phantom_unit (--phantom-unit)",
            )
        )
    if groups > 1 and not (unit == "").all():
        flags.append(
            Flag(
                kind="units_confounded",
                where=name,
                reason=f"{groups} groups of scanners share no phantom unit: what differs between "
                "units is part of the bias of their scanners",
                hint="exchange units as listed",
            )
        )
    if found.basis == "stated" and not np.isfinite(found.reference_u).all():
        unknown = ~np.isfinite(found.reference_u)
        names = sorted({*found.readings.scanner[unknown].tolist()})
        flags.append(
            Flag(
                kind="reference_uncertainty_missing",
                where=name if unknown.all() else ", ".join(names[:5]),
                reason=f"{int(unknown.sum())} of {unknown.size} references state no uncertainty: "
                "they are taken as exact, and intervals of these scanners are too narrow",
                hint="state reference_standard_uncertainty",
            )
        )
    return flags
