"""Random numbers of a simulated trial: one stream an ingredient, none disturbs another."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["Streams", "clock", "spawned"]

_OPENING_S, _OPEN_S, _DAY_S = 7 * 3600, 10 * 3600, 86400
"""Scans start in the ten hours from seven o'clock."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """One generator an ingredient. New ones are appended: the order decides the numbers."""

    opening: np.random.Generator
    second_scanner: np.random.Generator
    scanner_bias: np.random.Generator
    commutability: np.random.Generator
    upgrades: np.random.Generator
    units: np.random.Generator
    calendar: np.random.Generator
    temperature: np.random.Generator
    thermometer: np.random.Generator
    phantom_noise: np.random.Generator
    missed_exams: np.random.Generator
    labels: np.random.Generator
    circulating: np.random.Generator
    circulating_noise: np.random.Generator
    participants: np.random.Generator
    switching: np.random.Generator
    repositioning: np.random.Generator
    tissue_noise: np.random.Generator
    missed_visits: np.random.Generator
    feature_people: np.random.Generator
    feature_bias: np.random.Generator


def spawned(rng: np.random.Generator) -> Streams:
    """Return a child of the generator for each ingredient."""
    names = [field.name for field in dataclasses.fields(Streams)]
    return Streams(**dict(zip(names, rng.spawn(len(names)), strict=True)))


def clock(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return times of day, as shares of a day: whole seconds, as they are written."""
    return np.asarray((_OPENING_S + rng.integers(_OPEN_S, size=shape)) / _DAY_S)
