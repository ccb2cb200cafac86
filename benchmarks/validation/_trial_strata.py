"""Small trials of the study of coverage: one thing changed at a time."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from qiqa.core.trial import Readings
from qiqa.simulate.trial import TrialDesign
from qiqa.simulate.trial_design import Circulating
from qiqa.simulate.trial_faults import GradientFailure, LabelErrors, Upgrades

__all__ = ["Stratum", "seen", "strata"]

_MONTHS = {2: (1, 7), 4: (1, 4, 7, 10), 12: tuple(range(1, 13))}
_INSERTS = {
    3: ("PVP0-center", "PVP30-inner", "PVP50-outer"),
    6: tuple(f"PVP{content}-inner" for content in (0, 10, 20, 30, 40, 50)),
}


@dataclasses.dataclass(frozen=True)
class Stratum:
    """A kind of trial of 12 sites and one year."""

    title: str
    design: TrialDesign
    exams: int = 4
    inserts: int = 13
    percent: bool | None = None
    """Whether differences are in percent; None: as by default."""
    stated: float = 1.0
    """Times that certificates and thermometers state of their uncertainty; NaN: nothing."""
    units: str = ""
    """`round`: each quarter a site reads the unit of the next one; `changed`: one site has a new
    unit from July on; empty: as simulated."""


def strata() -> list[Stratum]:
    """Return the base and what differs from it."""
    full = dataclasses.replace(TrialDesign(), sites=12, years=1.0)
    full = dataclasses.replace(
        full,
        participants=dataclasses.replace(full.participants, count=12),
        upgrades=Upgrades(after_years=(0.4,), step_percent=(2.5,), stagger_years=0.2),
        gradient_failure=GradientFailure(after_years=0.5, ramp_years=0.0),
        labels=LabelErrors(),
    )
    base = full.only("phantom_noise", "scanner_bias", "units", "thermometer")
    ice = dataclasses.replace(base, bath="ice")
    around = Circulating(units=2)
    # errors of units are put in by `seen`, which knows which unit is where
    bare = base.without("units")
    return [
        Stratum("base: 4 exams, 13 inserts, a unit each, room", base),
        Stratum("2 exams", base, exams=2),
        Stratum("12 exams", base, exams=12),
        Stratum("3 inserts", base, inserts=3),
        Stratum("6 inserts", base, inserts=6),
        Stratum("ice water", ice),
        Stratum("ice water, differences in mm²/s", ice, percent=False),
        Stratum("2 circulating units", dataclasses.replace(base, circulating=around)),
        Stratum("units and thermometers without error", base.without("units", "thermometer")),
        Stratum("half of the uncertainty is stated", base, stated=0.5),
        Stratum("no uncertainty is stated", base, stated=math.nan),
        Stratum("ice water, no uncertainty is stated", ice, stated=math.nan),
        Stratum("units go round, 4 exams", bare, units="round"),
        Stratum("units go round, 12 exams", bare, exams=12, units="round"),
        Stratum("units go round, no uncertainty is stated", bare, stated=math.nan, units="round"),
        Stratum(
            "units go round, no thermometer is off, no uncertainty is stated",
            bare.without("thermometer"),
            stated=math.nan,
            units="round",
        ),
        Stratum("one site has a new unit from July on, 12 exams", bare, exams=12, units="changed"),
        Stratum("all faults, 12 exams", full, exams=12),
    ]


def seen(stratum: Stratum, readings: Readings, rng: np.random.Generator) -> Readings:
    """Return the readings of a stratum, with the uncertainty that it states.

    Errors of units that `units` sends round are drawn from `rng`.
    """
    rows = ~np.isfinite(readings.visit) | np.isin(readings.visit, _MONTHS[stratum.exams])
    if stratum.inserts in _INSERTS:
        rows &= np.isin(readings.insert, _INSERTS[stratum.inserts])
    kept = readings.take(rows)
    stated = stratum.stated * kept.reference_standard_uncertainty
    kept = dataclasses.replace(kept, reference_standard_uncertainty=stated)
    return _with_units(stratum, kept, rng) if stratum.units else kept


def _with_units(stratum: Stratum, readings: Readings, rng: np.random.Generator) -> Readings:
    """Return readings of units that change, each with an error of its own, as simulated ones."""
    design = stratum.design
    names, site = np.unique(readings.site, return_inverse=True)
    quarter = ((readings.visit - 1) // 3).astype(int)
    if stratum.units == "round":
        unit = (site + quarter) % names.size
    else:
        unit = np.where((site == 0) & (quarter >= 2), names.size, site)
    inserts, insert = np.unique(readings.insert, return_inverse=True)
    error = design.units.shared_percent * rng.standard_normal((names.size + 1, 1))
    error = error + design.units.vial_percent * rng.standard_normal((names.size + 1, inserts.size))
    return dataclasses.replace(
        readings,
        phantom_unit=np.array([f"UNIT-{k:02d}" for k in range(names.size + 1)])[unit],
        value=readings.value * (1.0 + error[unit, insert] / 100.0),
    )
