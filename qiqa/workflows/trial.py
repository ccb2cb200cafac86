"""The walk of a trial: readings of every scanner to biases, answers and flags."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence

import numpy as np

from qiqa.core.errors import NotMeasurable, UsageError
from qiqa.core.trial import BiasStudy, Flag, Readings, TrialState
from qiqa.harmonize.bias import study_bias

__all__ = ["DEFAULT_CLAIMS", "Claim", "chosen", "look_at_trial"]


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
    keep_flagged: bool = False,
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
    keep_flagged
        Whether exams with errors of labeling stay in the model.
    tell
        Progress.

    Returns
    -------
    TrialState
        A measurement that cannot be studied is a flag; the others stand.
    """
    studies: list[BiasStudy] = []
    flags: list[Flag] = []
    for one in readings:
        tell(one.name)
        claim = claim_of(one, claims)
        try:
            studies.append(
                study_bias(
                    one,
                    claim=None if claim is None else claim.value,
                    percent=None if claim is None else claim.percent,
                    today=now.date(),
                    keep_flagged=keep_flagged,
                )
            )
        except NotMeasurable as error:
            flags.append(Flag(kind="not_studied", where=one.name, reason=str(error)))
    return TrialState(
        title=title, source=source, as_of=now, studies=tuple(studies), flags=tuple(flags)
    )


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


def last_day(readings: Sequence[Readings]) -> dt.datetime:
    """Return the time of the last exam of all."""
    newest = max(one.at.max() for one in readings)
    return np.datetime64(newest, "us").astype(dt.datetime)  # type: ignore[no-any-return]
