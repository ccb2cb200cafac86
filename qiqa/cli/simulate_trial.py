"""`qiqa simulate trial`: a multisite trial as tables, with faults whose truth is known."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.arguments import Parser, counted, finite
from qiqa.cli.console import progress, say, write_json
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.simulate.trial_design import TrialDesign
    from qiqa.simulate.trial_truth import SimulatedTrial

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

OPERANDS = ""
_MEANING = {
    "scanner_bias": "each scanner is off, by vendor and by itself",
    "nonlinearity": "bias grows with the distance from isocenter",
    "repositioning": "participants do not lie where they lay before",
    "commutability": "phantoms do not show all of what participants get",
    "units": "phantoms are not what their certificate says",
    "thermometer": "each site's thermometer is off",
    "phantom_noise": "exams of phantoms scatter",
    "tissue_noise": "tumors scatter: wCV 4.8 %",
    "effect": "the treatment works: +8, 12, 15 % at visits 2, 3, 4",
    "upgrades": "two upgrades of one vendor's scanners move the values",
    "gradient_failure": "one scanner loses diffusion weighting",
    "labels": "exams are entered wrongly: vials, unit, date, phantom",
    "missed": "exams and visits that are not done",
    "opening": "sites open late or leave",
    "second_scanner": "some sites have two scanners, participants switch",
    "feature_bias": "scanners shift, scale and bend features",
}
"""Fault -> what it is; a test holds it to those that there are."""
EPILOG = f"""
examples:
  qiqa simulate trial -o trial
  qiqa simulate trial -o null --without effect upgrades --seed 2
  qiqa simulate trial -o small --sites 12 --years 2 --circulating 2 --dose units=2

It writes phantom.csv (monthly exams of a diffusion phantom), participants.csv (ADC of tumors at
four visits in two arms) and truth.json (everything that was planted); with --features also
features.csv. A file that is there already is not overwritten.

Faults, all there by default; a dose is how many times the documented size:
{chr(10).join(f"  {name:17}{text}" for name, text in _MEANING.items())}
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    output: Path
    sites: int = 60
    years: float = 5.0
    participants: int = 480
    bath: str = "room"
    circulating: int = 0
    without: list[str] | None = None
    dose: list[str] | None = None
    features: bool = False
    seed: int = 1


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="where to write"
    )
    parser.add_argument("--features", action="store_true", help="write features.csv too")
    trial = parser.add_argument_group("trial")
    for name, kind, default, metavar, text in (
        ("--sites", counted, 60, "N", "a third of them of each vendor"),
        ("--years", finite, 5.0, "X", "at least 1"),
        ("--participants", counted, 480, "N", "if all sites were open all the time"),
        ("--bath", str, "room", "TEXT", "of the phantoms: room (20 °C) or ice (0 °C)"),
        ("--circulating", int, 0, "N", "reference units that travel from site to site"),
        ("--seed", int, 1, "N", "of the random numbers"),
    ):
        shown = f"{text}; default: %(default)s"
        trial.add_argument(name, type=kind, default=default, metavar=metavar, help=shown)
    faults = parser.add_argument_group("faults")
    for name, metavar, text in (
        ("--without", "FAULT", "switch them off"),
        ("--dose", "FAULT=X", "make them X times as large"),
    ):
        faults.add_argument(name, action="extend", nargs="+", metavar=metavar, help=text)


def command(options: Options) -> int:
    """Write the tables and the truth."""
    import numpy as np

    from qiqa.simulate.trial import simulate_trial

    if options.seed < 0:
        raise UsageError(f"{options.seed} is below 0", where="--seed")
    design = _design(options)
    names = ["phantom.csv", "participants.csv", "truth.json"]
    names += ["features.csv"] if options.features else []
    _refuse_existing(options.output, names)
    with progress() as tell:
        tell("simulating")
        trial = simulate_trial(design, np.random.default_rng(options.seed))
        tell("writing")
        _write(trial, options)
    readings = sum(len(readings) for readings in trial.readings)
    say(f"{readings} phantom readings and {len(trial.participants)} participants' values of "
        f"{len(trial.truth.scanner)} scanners written to {options.output.resolve()}")  # fmt: skip
    say(f"what is true is in {(options.output / 'truth.json').resolve()}")
    return status.PASS


def _design(options: Options) -> TrialDesign:
    from qiqa.simulate.trial_design import Circulating, Participants, TrialDesign

    design = TrialDesign(
        sites=options.sites,
        years=options.years,
        bath=options.bath,
        participants=Participants(count=options.participants),
        circulating=Circulating(units=options.circulating),
    )
    for text in options.dose or ():
        fault, equals, number = text.partition("=")
        try:
            dose = float(number)
        except ValueError:
            dose = math.nan
        if not equals or not math.isfinite(dose):
            raise UsageError(f"{text!r} is not FAULT=X", where="--dose", hint="such as units=2")
        design = design.with_dose(fault, dose)
    return design.without(*(options.without or ()))


def _refuse_existing(folder: Path, names: list[str]) -> None:
    there = [name for name in names if (folder / name).exists()]
    if there:
        raise UsageError(
            f"{', '.join(there)} is there already",
            where=str(folder),
            hint="choose another folder, or remove what is in it",
        )


def _write(trial: SimulatedTrial, options: Options) -> None:
    from qiqa.io.columns import columns_to_csv
    from qiqa.io.export import reported
    from qiqa.simulate.trial_table import (
        feature_table,
        participant_table,
        phantom_table,
        truth_payload,
    )

    folder = options.output
    with reported(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
    columns_to_csv(map(phantom_table, trial.readings), folder / "phantom.csv")
    columns_to_csv([participant_table(trial.participants)], folder / "participants.csv")
    if options.features:
        columns_to_csv([feature_table(trial.features)], folder / "features.csv")
    write_json(truth_payload(trial, options.seed), str(folder / "truth.json"))
