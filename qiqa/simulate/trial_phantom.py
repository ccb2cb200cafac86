"""Phantom readings of a simulated trial: what lies in the scanner, how it is read and entered."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.trial import Readings
from qiqa.simulate.trial_design import TrialDesign
from qiqa.simulate.trial_exams import Exams, unit_names
from qiqa.simulate.trial_labels import Entered, mislabel
from qiqa.simulate.trial_roster import Roster
from qiqa.simulate.trial_truth import PlantedError
from qiqa.simulate.trial_vials import (
    CONTENT_PERCENT,
    CONTENTS_PERCENT,
    INSERTS,
    OTHER_CONTENT_PERCENT,
    POSITIONS_MM,
    ROOM_DEGC,
    certified,
)

__all__ = ["PhantomPart", "read_phantoms", "software_names", "unit_errors"]

FloatArray = NDArray[np.float64]


def unit_errors(design: TrialDesign, rng: np.random.Generator) -> FloatArray:
    """Return (u, v) by what share the vials of each unit differ from their certificate.

    Numbers are drawn for the sites' units first, so that others that travel change nothing.
    """
    own, travelling = design.sites, design.circulating.units
    dose, units, vials = design.units.dose, design.units, len(INSERTS)
    shared, single = rng.standard_normal(own), rng.standard_normal((own, vials))
    first = dose * (units.shared_percent * shared[:, None] + units.vial_percent * single)
    spread = dose * design.circulating.shared_percent
    second = spread * np.repeat(rng.standard_normal(travelling)[:, None], vials, axis=1)
    return np.asarray(np.concatenate([first, second]) / 100.0)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PhantomPart:
    """The readings of a trial, n of them, and what is true about them."""

    readings: Readings
    true_value: FloatArray
    bias: FloatArray
    errors: tuple[PlantedError, ...]


def read_phantoms(
    design: TrialDesign,
    roster: Roster,
    exams: Exams,
    errors: FloatArray,
    rng: np.random.Generator,
) -> PhantomPart:
    """Return the readings of all exams.

    Parameters
    ----------
    errors
        (u, v) of the phantom units; see `unit_errors`.
    rng
        Chooses how exams are entered wrongly.
    """
    names = exam_names(exams, roster, design)
    entered = mislabel(design, exams, names, roster.scanner[exams.scanner], rng)
    true = certified(design.bath) * (1.0 + errors[exams.unit])
    true = true * _warming(design, exams.temperature_degc, CONTENT_PERCENT)
    other = certified(design.bath, OTHER_CONTENT_PERCENT)
    other = other * _warming(design, exams.temperature_degc, OTHER_CONTENT_PERCENT)
    true = np.where(entered.other_phantom[:, None], other, true)
    bias, value, u = _measured(design, roster, exams, true)
    place = entered.vial
    true, bias, value, u = (np.take_along_axis(a, place, axis=1) for a in (true, bias, value, u))
    warming = _warming(design, exams.thermometer_degc, CONTENT_PERCENT)
    reference = certified(design.bath) * warming
    claimed = _claimed(design, exams, reference)
    readings = _readings(
        roster, design, exams, entered, {"value": value, "u": u, "ref": reference, "u_ref": claimed}
    )
    return PhantomPart(
        readings=readings, true_value=true.ravel(), bias=bias.ravel(), errors=entered.errors
    )


def _slopes(design: TrialDesign, content_percent: tuple[float, ...]) -> FloatArray:
    """Return the change of vials' ADC with the temperature, of that at 20 °C (v,) [1/K]."""
    if design.bath == "ice":
        return np.zeros(len(content_percent))
    known = design.rooms.percent_per_degc
    return np.asarray(np.interp(content_percent, CONTENTS_PERCENT, known) / 100.0)


def _warming(
    design: TrialDesign, temperature_degc: FloatArray, content_percent: tuple[float, ...]
) -> FloatArray:
    """Return ADC over that at the temperature of the references (x, v)."""
    slopes = _slopes(design, content_percent)
    return np.asarray(1.0 + slopes * (temperature_degc - ROOM_DEGC)[:, None])


def _measured(
    design: TrialDesign, roster: Roster, exams: Exams, true: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return bias, value and stated standard uncertainty (x, v)."""
    x, v = true.shape
    places = np.tile(np.array(POSITIONS_MM), (x, 1))
    bias = roster.bias.of_phantom(
        np.repeat(exams.scanner, v), np.repeat(exams.day, v), true.ravel(), places
    ).reshape(x, v)
    noise = design.phantom_noise
    shared = noise.exam_percent * exams.exam_scatter[:, None]
    relative = noise.dose * (shared + noise.vial_percent * exams.vial_scatter) / 100.0
    floor = noise.dose * noise.floor_mm2_per_s
    value = (true + bias) * (1.0 + relative) + floor * exams.floor_scatter
    # one exam cannot see what its vials share: nobody would state it
    u = np.hypot(noise.dose * noise.vial_percent / 100.0 * (true + bias), floor)
    return bias, value, u


def _claimed(design: TrialDesign, exams: Exams, reference: FloatArray) -> FloatArray:
    """Return the standard uncertainty (x, v) of references: unit and thermometer, as stated."""
    stated = (design.circulating.claimed_percent, design.units.claimed_percent)
    unit = np.where(exams.travels, *stated)[:, None] / 100.0 * reference
    per_degc = certified(design.bath) * _slopes(design, CONTENT_PERCENT)
    return np.hypot(unit, per_degc * design.thermometer.claimed_degc)


def exam_names(exams: Exams, roster: Roster, design: TrialDesign) -> NDArray[np.str_]:
    """Return a name (x,) for each exam, with the month it was due or the unit that travels."""
    scanner, unit = roster.scanner[exams.scanner], unit_names(design)[exams.unit]
    items = zip(
        scanner.tolist(), unit.tolist(), exams.number.tolist(), exams.travels.tolist(), strict=True
    )
    return np.array(
        [f"{s} {u} year {n}" if away else f"{s} month {n:02d}" for s, u, n, away in items],
        dtype=np.str_,
    )


def _readings(
    roster: Roster,
    design: TrialDesign,
    exams: Exams,
    entered: Entered,
    columns: dict[str, FloatArray],
) -> Readings:
    v = len(INSERTS)
    site = roster.scanner_site[exams.scanner]
    names = exam_names(exams, roster, design)
    insert = np.tile(np.array(INSERTS), len(names))
    exam = np.repeat(names, v)
    software = roster.bias.epochs(exams.scanner, exams.day)
    seconds = np.rint(86400.0 * entered.day).astype("timedelta64[s]")
    return Readings(
        name="adc",
        quantity="adc",
        unit="mm²/s",
        scanner=np.repeat(roster.scanner[exams.scanner], v),
        site=np.repeat(roster.site[site], v),
        manufacturer=np.repeat(roster.vendor[site], v),
        epoch=np.repeat(software_names(software), v),
        insert=insert,
        phantom_unit=np.repeat(entered.unit, v),
        exam=exam,
        row=np.char.add(np.char.add(exam, " "), insert),
        at=np.repeat(roster.bias.start + seconds, v),
        visit=np.repeat(np.where(exams.travels, np.nan, exams.number), v),
        value=columns["value"].ravel(),
        standard_uncertainty=columns["u"].ravel(),
        reference=columns["ref"].ravel(),
        reference_standard_uncertainty=columns["u_ref"].ravel(),
        temperature_degc=np.repeat(exams.thermometer_degc, v),
        deviations=dict.fromkeys(names.tolist(), ()),
        distance_mm=np.tile(np.linalg.norm(np.array(POSITIONS_MM), axis=1), len(names)),
    )


def software_names(upgrades: NDArray[np.int64]) -> NDArray[np.str_]:
    """Return the names of software versions after so many upgrades.

    >>> software_names(np.array([0, 1])).tolist()
    ['SIM 1.0', 'SIM 2.0']
    """
    return np.char.add(np.char.add("SIM ", (upgrades + 1).astype(np.str_)), ".0")
