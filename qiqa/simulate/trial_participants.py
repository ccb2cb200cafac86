"""Participants of a simulated trial: who comes when to which scanner, and what is measured."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.core.participants import ParticipantValues
from qiqa.simulate.trial_design import TrialDesign
from qiqa.simulate.trial_phantom import software_names
from qiqa.simulate.trial_roster import DAYS_OF_A_YEAR, Roster
from qiqa.simulate.trial_streams import Streams, clock

__all__ = ["ARMS", "Scans", "draw_scans", "measure_participants"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

ARMS = ("control", "treated")
_YOUNGEST, _OLDEST = 18.0, 90.0
_MIRROR = np.array([[-1.0, 1.0, 1.0], [1.0, 1.0, 1.0]])
"""A tumor is in the right or in the left breast."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scans:
    """n scans of participants in the order of person and visit."""

    person: IntArray
    """(n,) index among all who would have been enrolled."""
    visit: IntArray
    """(n,) from 0."""
    treated: NDArray[np.bool_]
    age_years: FloatArray
    site: IntArray
    scanner: IntArray
    day: FloatArray
    position_mm: FloatArray
    """(n, 3)."""
    true: FloatArray
    """(n,) ADC of the tumor [mm²/s]."""
    scatter: FloatArray
    """(n,) standard normal."""


def draw_scans(design: TrialDesign, roster: Roster, streams: Streams) -> Scans:
    """Return the scans that were done."""
    people, rng = design.participants, streams.participants
    p, v = people.count, len(people.visit_days)
    share = rng.gamma(people.enrollment_shape, size=design.sites)
    # a failure at a site that enrolls nobody would harm nobody: it enrolls the mean or more
    failing = design.gradient_failure.site - 1
    share[failing : failing + 1] = np.maximum(share[failing : failing + 1], share.mean())
    site = rng.choice(design.sites, p, p=share / share.sum())
    treated = rng.random(p) < 0.5
    # so early that the last visit is still in the trial, be it late
    last = DAYS_OF_A_YEAR * design.years - people.visit_days[-1] - people.longest_delay_days
    enrolled = last * rng.random(p)
    age = people.age_years + people.age_sd_years * rng.standard_normal(p)
    age = np.asarray(np.rint(np.clip(age, _YOUNGEST, _OLDEST)), dtype=np.float64)
    late = people.visit_sd_days * rng.standard_normal((p, v))
    late = np.clip(late, -people.longest_delay_days, people.longest_delay_days - 1.0)
    day = np.floor(enrolled)[:, None] + np.rint(np.array(people.visit_days) + late)
    day = np.maximum(day, 0.0) + clock(rng, (p, v))
    true = _true(design, rng, treated, age)
    position = _positions(design, rng, streams.repositioning)
    scanner = _scanners(design, roster, streams.switching, site)
    scatter = streams.tissue_noise.standard_normal((p, v))
    came = streams.missed_visits.random((p, v)) >= design.missed.dose * design.missed.visit_share
    opens, closes = roster.opens_day[site][:, None], roster.closes_day[site][:, None]
    # nobody is enrolled where the site was not open for the first visit
    came &= (day < closes) & (day[:, :1] >= opens)
    person, visit = np.nonzero(came)
    return Scans(
        person=person,
        visit=visit,
        treated=treated[person],
        age_years=age[person],
        site=site[person],
        scanner=scanner[came],
        day=day[came],
        position_mm=position[came],
        true=true[came],
        scatter=scatter[came],
    )


def _true(
    design: TrialDesign, rng: np.random.Generator, treated: NDArray[np.bool_], age: FloatArray
) -> FloatArray:
    """Return the true ADC of every person at every visit (p, v) [mm²/s]."""
    people, effect = design.participants, design.effect
    between, own = rng.standard_normal((2, len(age)))
    decades = (age - people.age_years) / 10.0
    before = people.adc_mm2_per_s * np.exp(people.between_percent / 100.0 * between)
    before = before * (1.0 + people.adc_per_decade_percent / 100.0 * decades)
    common = np.array(effect.common_percent) / 100.0
    added = effect.dose * np.array(effect.treated_percent) / 100.0
    later = np.arange(len(common)) > 0
    individual = effect.individual_percent / 100.0 * own[:, None] * later
    change = (1.0 + common) * (1.0 + added * treated[:, None]) * (1.0 + individual)
    return np.asarray(before[:, None] * change)


def _positions(
    design: TrialDesign, rng: np.random.Generator, again: np.random.Generator
) -> FloatArray:
    """Return where each tumor was at each visit (p, v, 3) [mm]."""
    people = design.participants
    p, v = people.count, len(people.visit_days)
    mean = np.array(people.position_mm)
    mean = mean + np.array(people.position_sd_mm) * rng.standard_normal((p, 3))
    side = _MIRROR[rng.integers(2, size=p)]
    moved = design.repositioning.dose * design.repositioning.sd_mm
    return np.asarray((side * mean)[:, None, :] + moved * again.standard_normal((p, v, 3)))


def _scanners(
    design: TrialDesign, roster: Roster, rng: np.random.Generator, site: IntArray
) -> IntArray:
    """Return the scanner of every visit (p, v)."""
    p, v = design.participants.count, len(design.participants.visit_days)
    home = rng.random(p) < 0.5
    away = rng.random((p, v)) < design.second_scanner.switch_share
    away[:, 0] = False
    return roster.scanner_at(np.repeat(site[:, None], v, axis=1), home[:, None] ^ away)


def measure_participants(
    design: TrialDesign, roster: Roster, scans: Scans
) -> tuple[ParticipantValues, FloatArray]:
    """Return the tumors' ADC as measured, and the scanner's bias in each (n,) [mm²/s].

    Raises
    ------
    UsageError
        If an ADC is not above 0, because doses are too large.
    """
    bias = roster.bias.of_participant(scans.scanner, scans.day, scans.true, scans.position_mm)
    wcv = design.tissue_noise.dose * design.tissue_noise.wcv_percent / 100.0
    value = (scans.true + bias) * (1.0 + wcv * scans.scatter)
    if not (np.minimum(value, scans.true) > 0.0).all():
        lowest = float(np.minimum(value, scans.true).min())
        raise UsageError(
            f"an ADC would be {lowest:.3g} mm²/s, which is not above 0",
            where="participants",
            hint="give smaller doses",
        )
    values = ParticipantValues(
        **scan_columns(design, roster, scans),
        name=np.full(len(value), "adc_tumor"),
        quantity=np.full(len(value), "adc"),
        unit=np.full(len(value), "mm²/s"),
        value=value,
        standard_uncertainty=wcv * value,
        true_value=scans.true,
        covariates={"age_years": scans.age_years},
    )
    return values, bias


def scan_columns(design: TrialDesign, roster: Roster, scans: Scans) -> dict[str, Any]:
    """Return who, when, where of each scan, as columns of `ParticipantValues`."""
    width = max(4, len(str(design.participants.count)))
    people = [f"P{n:0{width}d}" for n in range(1, design.participants.count + 1)]
    participant = np.array(people, dtype=np.str_)[scans.person]
    visit = scans.visit + 1
    software = software_names(roster.bias.epochs(scans.scanner, scans.day))
    return {
        "participant": participant,
        "visit": visit,
        "arm": np.array(ARMS)[scans.treated.astype(np.int64)],
        "scanner": roster.scanner[scans.scanner],
        "site": roster.site[scans.site],
        "vendor": roster.vendor[scans.site],
        "epoch": software,
        "row": np.char.add(np.char.add(participant, " visit "), visit.astype(np.str_)),
        "at": roster.bias.start + np.rint(86400.0 * scans.day).astype("timedelta64[s]"),
        "position_mm": scans.position_mm,
    }
