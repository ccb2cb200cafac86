"""The walk of a trial: readings of every scanner to biases, answers and flags."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence

import numpy as np

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.core.programme import Certificate, ProgrammePolicy, RoundScore, TrialState
from qiqa.core.trial import BiasStudy, Flag, Readings
from qiqa.harmonize.scanners.bias import study_bias
from qiqa.harmonize.scanners.differences import Differences
from qiqa.harmonize.scanners.preparing import prepare
from qiqa.harmonize.scanners.programme import certificates, round_scores

__all__ = [
    "DEFAULT_CLAIMS",
    "Claim",
    "chosen",
    "claim_of",
    "last_day",
    "look_at_trial",
    "up_to_day",
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Largest bias that a trial allows."""

    value: float
    percent: bool
    source: str


DEFAULT_CLAIMS = {
    "adc": Claim(
        value=3.6,
        percent=True,
        source="QIBA diffusion profile: phantom at 0 °C, 40 µm²/s of 1100 µm²/s",
    )
}
"""Quantity -> claim where none is given."""


def look_at_trial(
    readings: Sequence[Readings],
    *,
    now: dt.datetime,
    source: str,
    title: str,
    claims: dict[str, Claim],
    policy: ProgrammePolicy | None = None,
    keep_flagged: bool = False,
    flags: Sequence[Flag] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> TrialState:
    """Study every measurement of a trial.

    Parameters
    ----------
    readings
        One table for each measurement.
    now
        The time it is; exams of later days are flagged.
    source, title
        Where the readings come from, and what the trial is called.
    claims
        Name or quantity of a measurement -> claim; "" for all others.
    policy
        What qualifies a scanner; None: as `ProgrammePolicy` says.
    keep_flagged
        Whether exams with errors of labeling stay in the model.
    flags
        What was noticed when the readings were read.
    tell
        Progress.

    Returns
    -------
    TrialState
        A measurement that cannot be studied is a flag; the others stand.
    """
    asked = policy or ProgrammePolicy()
    studies: list[BiasStudy] = []
    papers: list[Certificate] = []
    rounds: dict[str, tuple[RoundScore, ...]] = {}
    units = _several_units(readings)
    found = [*flags, *units]
    several = {flag.where for flag in units}
    for given in readings:
        tell(given.name)
        claim = claim_of(given, claims)
        one = given
        if one.name in several:
            one = dataclasses.replace(one, name=f"{one.name} [{one.unit or 'no unit'}]")
        try:
            prepared = prepare(
                one,
                today=now.date(),
                percent=None if claim is None else claim.percent,
                keep_flagged=keep_flagged,
            )
        except NotMeasurable as error:
            found.append(
                Flag(
                    kind="not_studied", where=one.name, reason=error.message, hint=error.hint or ""
                )
            )
            continue
        _refuse_claim(claim, prepared.found)
        study = study_bias(prepared, None if claim is None else claim.value)
        studies.append(study)
        papers += certificates(study, prepared.found, asked, now.date())
        rounds[study.name] = round_scores(study, prepared.found)
    return TrialState(
        title=title,
        source=source,
        as_of=now,
        studies=tuple(studies),
        certificates=tuple(papers),
        rounds=rounds,
        flags=tuple(found),
    )


def _refuse_claim(claim: Claim | None, found: Differences) -> None:
    """Refuse a claim that no scanner could miss: as a rule the sign of percent was forgotten."""
    if claim is None or claim.percent:
        return
    largest = float(np.abs(found.reference).max())
    if claim.value > largest > 0.0:
        raise UsageError(
            f"{claim.value:g} {found.readings.unit} is larger than every reference of "
            f"{found.readings.name} ({largest:.4g})",
            where="--claim",
            hint=f"percent? write {claim.value:g}%",
        )


def _several_units(readings: Sequence[Readings]) -> list[Flag]:
    """Name the measurements that are stated in several units: they must not share a chart."""
    units: dict[str, list[str]] = {}
    for one in readings:
        units.setdefault(one.name, []).append(one.unit or "no unit")
    return [
        Flag(
            kind="several_units",
            where=name,
            reason=f"is stated in {' and '.join(found)}: each is studied by itself",
            hint="state it in one unit",
        )
        for name, found in units.items()
        if len(found) > 1
    ]


def claim_of(readings: Readings, claims: dict[str, Claim]) -> Claim | None:
    """Return what is claimed of a measurement: by name, by quantity, for all, by default."""
    for key in (readings.name, readings.quantity, ""):
        if key in claims:
            return claims[key]
    return DEFAULT_CLAIMS.get(readings.quantity)


def chosen(readings: Sequence[Readings], names: Sequence[str]) -> tuple[Readings, ...]:
    """Return the measurements that were asked for, all where none was.

    Raises
    ------
    UsageError
        If there is none of a name; says which there are.
    """
    there = [one.name for one in readings]
    for name in names:
        if name not in there:
            shown = ", ".join(there[:20])
            raise UsageError(f"there is no measurement {name!r}; there is {shown}", where="--name")
    return tuple(one for one in readings if not names or one.name in names)


def last_day(readings: Sequence[Readings], now: dt.datetime) -> dt.datetime:
    """Return the time of the last exam of all that is not dated after `now`; `now` without one.

    What a trial is worth is judged for the day that its readings reach to: a table of a trial that
    ended years ago is not expired as a whole.
    """
    end = np.datetime64(now, "us")
    newest = [one.at[one.at <= end].max() for one in readings if (one.at <= end).any()]
    return max(newest).astype("datetime64[us]").astype(dt.datetime) if newest else now


def up_to_day(readings: Sequence[Readings], day: dt.datetime) -> tuple[tuple[Readings, ...], int]:
    """Return what was read up to a day, it included, and how many readings were not.

    Raises
    ------
    UsageError
        If nothing was read until then.
    """
    end = np.datetime64(day, "D") + np.timedelta64(1, "D")
    kept = tuple(part for one in readings if len(part := one.take(one.at < end)))
    if not kept:
        first = min(one.at.min() for one in readings)
        raise UsageError(
            f"nothing was read until {day:%Y-%m-%d}; the first exam is of "
            f"{np.datetime_as_string(first, unit='D')}",
            where="--as-of",
        )
    return kept, sum(map(len, readings)) - sum(map(len, kept))
