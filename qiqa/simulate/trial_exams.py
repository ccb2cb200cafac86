"""Phantom exams of a simulated trial: which scanner, when, which unit, how warm, what scatter."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.simulate.trial_design import TrialDesign
from qiqa.simulate.trial_roster import DAYS_OF_A_YEAR, PER_SITE, Roster
from qiqa.simulate.trial_streams import Streams, clock
from qiqa.simulate.trial_vials import INSERTS

__all__ = ["Exams", "draw_exams", "unit_names"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_DAYS_OF_A_MONTH = DAYS_OF_A_YEAR / 12.0
_JITTER_DAYS = 3.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exams:
    """x exams in the order of scanner and day."""

    scanner: IntArray
    """(x,) index."""
    unit: IntArray
    """(x,) index of the phantom unit."""
    number: IntArray
    """(x,) month from 1; for a unit that travels, year from 1."""
    travels: NDArray[np.bool_]
    """(x,) whether the unit is one that travels."""
    day: FloatArray
    """(x,) from the start of the trial."""
    temperature_degc: FloatArray
    """(x,) true."""
    thermometer_degc: FloatArray
    """(x,) as read."""
    exam_scatter: FloatArray
    """(x,) standard normal."""
    vial_scatter: FloatArray
    """(x, v) standard normal."""
    floor_scatter: FloatArray
    """(x, v) standard normal."""
    label_score: FloatArray
    """(x,) uniform; exams with the lowest are labeled wrongly. 1 for units that travel."""


def unit_names(design: TrialDesign) -> NDArray[np.str_]:
    """Return the names of the sites' units, then of those that travel.

    >>> from qiqa.simulate.trial_design import Circulating, TrialDesign
    >>> unit_names(TrialDesign(sites=2, circulating=Circulating(units=1))).tolist()
    ['DP-01', 'DP-02', 'REF-1']
    """
    width = max(2, len(str(design.sites)))
    own = [f"DP-{n:0{width}d}" for n in range(1, design.sites + 1)]
    return np.array([*own, *(f"REF-{k + 1}" for k in range(design.circulating.units))])


def draw_exams(design: TrialDesign, roster: Roster, streams: Streams) -> Exams:
    """Return the exams that were done, monthly ones and those of units that travel."""
    rooms, thermometer = design.rooms, design.thermometer
    mean = rooms.mean_degc + rooms.between_degc * streams.temperature.standard_normal(design.sites)
    parts = [_monthly(design, roster, streams), _travelling(design, roster, streams)]
    fields = {
        name: np.concatenate([part[name] for part in parts])
        for name in parts[0]
        if name not in ("warmth", "misread")
    }
    site = roster.scanner_site[fields["scanner"]]
    warmth = np.concatenate([part["warmth"] for part in parts])
    misread = np.concatenate([part["misread"] for part in parts])
    # both to a tenth, as they are written down: without an error they are equal
    true = np.round(mean[site] + rooms.sd_degc * warmth, 1)
    off = roster.thermometer_degc[site] + thermometer.dose * thermometer.reading_degc * misread
    if design.bath == "ice":
        true, off = np.zeros_like(true), np.zeros_like(off)
    order = np.lexsort((fields["day"], fields["scanner"]))
    fields |= {"temperature_degc": true, "thermometer_degc": np.round(true + off, 1)}
    return Exams(**{name: column[order] for name, column in fields.items()})


def _monthly(
    design: TrialDesign, roster: Roster, streams: Streams
) -> dict[str, NDArray[np.generic]]:
    slots, months = design.sites * PER_SITE, round(12 * design.years)
    shape = (slots, months)
    month = np.arange(months)
    phase = np.repeat(streams.calendar.random(design.sites) * 28.0, PER_SITE)
    jitter = _JITTER_DAYS * streams.calendar.standard_normal(shape)
    hour = clock(streams.calendar, shape)
    in_month = np.clip(np.floor(phase[:, None] + jitter), 0.0, 29.0)
    day = (np.floor(month * _DAYS_OF_A_MONTH) + in_month + hour)[roster.slot]
    missed = streams.missed_exams.random(shape)[roster.slot] < (
        design.missed.dose * design.missed.exam_share
    )
    done = _open(roster, day) & ~missed
    scanner, number = np.nonzero(done)
    slot = roster.slot[scanner]
    drawn = _scatter(streams.phantom_noise, shape)
    return {
        "scanner": scanner,
        "unit": roster.scanner_site[scanner],
        "number": number + 1,
        "travels": np.zeros(len(scanner), dtype=np.bool_),
        "day": day[done],
        "warmth": streams.temperature.standard_normal(shape)[slot, number],
        "misread": streams.thermometer.standard_normal(shape)[slot, number],
        "label_score": streams.labels.random(shape)[slot, number],
        **{name: column[slot, number] for name, column in drawn.items()},
    }


def _travelling(
    design: TrialDesign, roster: Roster, streams: Streams
) -> dict[str, NDArray[np.generic]]:
    """Return the exams of units that travel: site r of the route is visited by unit (r + year)."""
    units, years = design.circulating.units, math.ceil(design.years)
    shape = (design.sites * PER_SITE, years)
    rank = streams.circulating.permutation(design.sites)
    rng = streams.circulating_noise
    hour, warmth, misread = clock(rng, shape), *rng.standard_normal((2, *shape))
    drawn = _scatter(rng, shape)
    stops = math.ceil(design.sites / max(units, 1))
    stop = rank // max(units, 1)
    year = np.arange(years)
    begins = DAYS_OF_A_YEAR * (year + ((stop + 0.5) / stops)[roster.scanner_site][:, None])
    day = np.floor(begins) + hour[roster.slot]
    done = _open(roster, day) & (units > 0)
    scanner, number = np.nonzero(done)
    slot = roster.slot[scanner]
    which = (rank[roster.scanner_site[scanner]] + number) % max(units, 1)
    return {
        "scanner": scanner,
        "unit": design.sites + which,
        "number": number + 1,
        "travels": np.ones(len(scanner), dtype=np.bool_),
        "day": day[done],
        "warmth": warmth[slot, number],
        "misread": misread[slot, number],
        "label_score": np.ones(len(scanner)),
        **{name: column[slot, number] for name, column in drawn.items()},
    }


def _scatter(rng: np.random.Generator, shape: tuple[int, int]) -> dict[str, FloatArray]:
    return {
        "exam_scatter": rng.standard_normal(shape),
        "vial_scatter": rng.standard_normal((*shape, len(INSERTS))),
        "floor_scatter": rng.standard_normal((*shape, len(INSERTS))),
    }


def _open(roster: Roster, day: FloatArray) -> NDArray[np.bool_]:
    """Return whether a scanner's site is open (s, ...)."""
    opens, closes = roster.opens_day, roster.closes_day
    site = roster.scanner_site
    return np.asarray((day >= opens[site][:, None]) & (day < closes[site][:, None]))
