"""A multisite trial: phantom readings, participants' values, and what is true about both.

Each ingredient draws from a random stream of its own, for everything that could be, whether a
fault is switched on or not: the same seed with another dose of one fault differs by the effect of
that fault alone.
"""

from __future__ import annotations

import numpy as np

from qiqa.simulate.trial_design import TrialDesign
from qiqa.simulate.trial_exams import draw_exams, unit_names
from qiqa.simulate.trial_features import measure_features
from qiqa.simulate.trial_participants import draw_scans, measure_participants
from qiqa.simulate.trial_phantom import read_phantoms, unit_errors
from qiqa.simulate.trial_roster import draw_roster
from qiqa.simulate.trial_streams import spawned
from qiqa.simulate.trial_truth import SimulatedTrial, Truth
from qiqa.simulate.trial_vials import INSERTS, POSITIONS_MM

__all__ = ["SimulatedTrial", "TrialDesign", "simulate_trial"]


def simulate_trial(design: TrialDesign, rng: np.random.Generator) -> SimulatedTrial:
    """Return a trial.

    Parameters
    ----------
    design
        Sites, years, participants and the dose of every fault.
    rng
        Source of the random numbers.

    Raises
    ------
    UsageError
        If doses are so large that an ADC would not be above 0.
    """
    streams = spawned(rng)
    roster = draw_roster(design, streams)
    errors = unit_errors(design, streams.units)
    exams = draw_exams(design, roster, streams)
    phantom = read_phantoms(design, roster, exams, errors, streams.labels)
    scans = draw_scans(design, roster, streams)
    participants, participant_bias = measure_participants(design, roster, scans)
    features = measure_features(design, roster, scans, participants.value, streams)
    effect, wcv = design.effect, design.tissue_noise
    truth = Truth(
        scanner=roster.scanner,
        scanner_site=roster.scanner_site,
        site=roster.site,
        vendor=roster.vendor,
        opens_day=roster.opens_day,
        closes_day=roster.closes_day,
        thermometer_degc=roster.thermometer_degc,
        bias=roster.bias,
        unit=unit_names(design),
        insert=np.array(INSERTS),
        insert_position_mm=np.array(POSITIONS_MM),
        unit_error=errors,
        effect_percent=tuple(effect.dose * percent for percent in effect.treated_percent),
        wcv_percent=wcv.dose * wcv.wcv_percent,
        errors=phantom.errors,
        reading_true_value=phantom.true_value,
        reading_bias=phantom.bias,
        participant_bias=participant_bias,
    )
    return SimulatedTrial(
        design=design,
        readings=(phantom.readings,),
        participants=participants,
        features=features,
        truth=truth,
    )
