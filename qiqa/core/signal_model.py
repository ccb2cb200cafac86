"""What a signal model needs to know of an acquisition, and an example of one."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["Example", "Points", "Pulses"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pulses:
    """The pulses of an echo train, Hann-windowed sinc, which no header holds."""

    excitation_time_bandwidth: float = 3.0
    refocusing_time_bandwidth: float = 3.0
    """Duration times bandwidth."""
    refocusing_width: float = 1.2
    """Refocused over excited slice: what one vendor's product sequence does and the usual
    default."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Points:
    """The measurements of a series along its encoding axis, in the order they are fitted."""

    values: NDArray[np.float64]
    """(n,), ms, degree or s/mm²."""
    tr_ms: NDArray[np.float64]
    """(n,), NaN where unknown."""
    directions: NDArray[np.float64] | None = None
    """(n, 3) unit vectors, zero where none."""
    train: NDArray[np.float64] | None = None
    """(m,) values of the whole series, where these are a part of it: an echo depends on all pulses
    before it, not only on those whose echoes are used."""
    pulses: Pulses | None = None
    """For trains of echoes; None: what the model states."""

    def take(self, index: NDArray[np.intp]) -> Points:
        """Return some of the measurements."""
        directions = None if self.directions is None else self.directions[index]
        return Points(
            values=self.values[index],
            tr_ms=self.tr_ms[index],
            directions=directions,
            train=self.values if self.train is None else self.train,
            pulses=self.pulses,
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An acquisition that suits a model, and what it can tell apart; for simulation and tests."""

    values: tuple[float, ...]
    ranges: tuple[tuple[float, float], ...]
    """Lowest and highest value of each parameter, for a signal of about 1."""
    tr_ms: tuple[float, ...] | float | None = None
    directions: tuple[tuple[float, float, float], ...] | None = None

    def points(self) -> Points:
        """Return the measurements."""
        values = np.asarray(self.values, dtype=np.float64)
        tr = np.nan if self.tr_ms is None else self.tr_ms
        directions = None if self.directions is None else np.asarray(self.directions)
        return Points(
            values=values,
            tr_ms=np.broadcast_to(np.asarray(tr, dtype=np.float64), values.shape),
            directions=directions,
        )
