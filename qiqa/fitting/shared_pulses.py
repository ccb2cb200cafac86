"""T2 of several liquids from one echo train each, with the pulses they share fitted too.

Which slice the pulses of a product sequence excite and refocus is in no header, and it decides how
much signal goes through stimulated echoes, and so T2. But all liquids of a series saw the same
pulses. T2 and B1 of each liquid and three numbers of the pulses are fitted together to mean signals
of the liquids; what is not known of the pulses is then part of the covariance of T2.

So do they share the plane of the slice, which is prescribed by eye: off the middle of a sphere it
cuts another part of the profile. It is fitted as well.

Known beforehand (Gaussian, the standard deviations below): pulses are somewhere near the usual
ones, the slice near the middle, and B1 is near 1 and smooth over the phantom. Without this, trains
whose first echoes are missing would be explained by an angle that no coil makes.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import FitError
from qiqa.core.signal_model import Pulses
from qiqa.fitting.loading import model
from qiqa.fitting.pulse_profiles import B1_RANGE, profiles_at
from qiqa.kernels.epg import echo_trains

__all__ = ["SharedPulses", "Trains", "fit_shared_pulses", "refit_t2"]

Values = NDArray[np.float64]

_ARM_MM = 50.0
_USUAL = np.array([*np.log([3.0, 3.0, 1.2]), 0.0, 0.0, 0.0])
_USUAL_SD = np.array([0.5, 0.5, 0.2, 1.0, 1.5, 1.5])
"""What all liquids share: logarithms of both time-bandwidth products and of the width (within a
factor of 2.7 and 1.5 at two standard deviations), and how far the slice lies off [mm]: as a whole,
and by its tilt at 50 mm along two axes (1.7 degrees)."""
_SHARED = _USUAL.size
_STARTS = ((3.0, 3.0, 1.2), (2.5, 6.5, 1.2))
_TILTS = ((0.5, 1.5, 0.0), (0.5, 0.0, 1.5), (0.5, 1.5, 1.5), (0.5, 1.5, -1.5))
"""Starts for the slice: where it is in the middle, the first derivative is none."""
_LEAST = np.array([*np.log([0.8, 0.8, 0.6]), -4.0, -4.0, -4.0])
_MOST = np.array([*np.log([14.0, 14.0, 3.5]), 4.0, 4.0, 4.0])
_B1_SD, _B1_BEND_SD, _B1_BEND_MM, _B1_OWN_SD = 0.1, 0.06, 80.0, 0.01
"""B1 as a whole, how it varies over the phantom and over what distance, and each on its own."""
_START_B1 = 0.95
"""Below 1, where the train turns back on itself."""
_MISFIT = 0.003
"""Of the signal: misfit that the first passage assumes; later ones use what is left."""
_LEAK = 0.005
"""Of the signal: SD of what rings into the mean of a liquid from the bath around, whose signal
hardly decays during a train. A constant of this size is fitted to every train."""
_PASSAGES, _STEPS, _TRIES = 3, 40, 12
_SETTLED = 0.01
"""Change of chi-square below which the fit has settled."""
_NEARLY_SETTLED = 0.3
"""Likewise, where it is only to be seen which start is the best."""
_DIFFERENCE = 1e-4
_LONGEST = 0.3
"""Of a step, in any parameter."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trains:
    """Echo trains of m liquids of one series."""

    signal: Values
    """(m, n) mean signals, the noise's share taken off."""
    used: NDArray[np.bool_]
    """(m, n) echoes that count."""
    spacing_ms: float
    t1_ms: Values
    """(m,)."""
    noise_sd: Values
    """(m,) SD of the mean signal at one echo."""
    position_mm: Values
    """(m, 2 or 3)."""
    radius_mm: Values
    """(m,) of the spheres; infinity for tubes along the normal of the slice."""
    disk_mm: Values
    """(m,) radius of the disks whose means are given."""
    offset_mm: Values
    """(m,) middle of the sphere from the middle of the slice, as far as it is known."""
    thickness_mm: float

    @property
    def arms(self) -> Values:
        """(m, 3): how the offset of each liquid follows the slice's, at 50 mm, in the plane."""
        away = (self.position_mm - self.position_mm.mean(axis=0)) / _ARM_MM
        return np.column_stack((np.ones(len(away)), away[:, 0], away[:, 1]))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SharedPulses:
    """What the trains say together. Relative uncertainties are standard ones of ln T2."""

    t2_ms: Values
    b1: Values
    s0: Values
    pulses: Pulses
    u_fixed: Values
    """(m,) with the pulses known, noise and misfit together."""
    u_pulses: Values
    """(m,) what not knowing the pulses adds."""
    per_t1: Values
    """(m,) change of ln T2 with ln T1."""
    leak: Values
    """(m,) constant that rings in from around [signal]."""
    offset_mm: Values
    """(m,) middle of the sphere from the middle of the slice, as fitted."""
    u_offset_mm: Values
    """(m,) its standard uncertainty."""
    misfit_sd: float
    """SD of the residuals beyond noise [signal]."""
    freedom: int
    chi_square: float


@dataclasses.dataclass(slots=True, eq=False)
class _State:
    """A place: ln T2 (m), B1 (m), what is shared (6), and what is left there."""

    x: Values
    cost: float
    left: Values
    """(m, n + 1) weighted residuals, and the leak over its SD."""
    s0: Values


class _Problem:
    """Weighted residuals, what is known beforehand, and their derivatives."""

    def __init__(self, trains: Trains, misfit_sd: float) -> None:
        self.trains = trains
        self.m: int = trains.signal.shape[0]
        self.n: int = trains.signal.shape[1]
        self.leak_sd = _LEAK * float(np.median(trains.signal.max(axis=1)))
        sd = np.hypot(trains.noise_sd, misfit_sd)[:, None]
        self.weight = np.where(trains.used, 1.0 / np.maximum(sd, 1e-12), 0.0)
        apart = trains.position_mm[:, None] - trains.position_mm[None]
        smooth = np.exp(-0.5 * (apart**2).sum(axis=-1) / _B1_BEND_MM**2)
        covariance = _B1_SD**2 + _B1_BEND_SD**2 * smooth + _B1_OWN_SD**2 * np.eye(self.m)
        self.b1_information = np.linalg.inv(covariance)

    def at(self, x: Values, t1_ms: Values | None = None) -> _State:
        """Return what is left at a place."""
        m, y, w = self.m, self.trains.signal, self.weight**2
        t1 = self.trains.t1_ms if t1_ms is None else t1_ms
        shared = x[2 * m :]
        offset = self.trains.offset_mm + self.trains.arms @ shared[3:]
        shape = _shapes(self.trains, x[:m], x[m : 2 * m], shared[:3], t1, offset)
        own, both = (w * shape**2).sum(axis=1), (w * shape).sum(axis=1)
        leak = w.sum(axis=1) + 1.0 / self.leak_sd**2
        with_own, with_leak = (w * shape * y).sum(axis=1), (w * y).sum(axis=1)
        scale = np.maximum(own * leak - both**2, 1e-30)
        s0 = (leak * with_own - both * with_leak) / scale
        leaked = (own * with_leak - both * with_own) / scale
        rest = self.weight * (y - s0[:, None] * shape - leaked[:, None])
        left = np.concatenate((rest, (leaked / self.leak_sd)[:, None]), axis=1)
        off, bent = (shared - _USUAL) / _USUAL_SD, x[m : 2 * m] - 1.0
        cost = float((left**2).sum() + (off**2).sum() + bent @ self.b1_information @ bent)
        return _State(x, cost, left, s0)

    def normal(self, state: _State) -> tuple[Values, Values]:
        """Return information and gradient; every train depends on its own T2 and B1 only."""
        m, x = self.m, state.x
        slopes = np.zeros((m, self.n + 1, 2 * m + _SHARED))
        own = np.arange(m)
        for start in (0, m):
            slopes[own, :, start + own] = self._slope(state, slice(start, start + m))
        for k in range(2 * m, 2 * m + _SHARED):
            slopes[:, :, k] = self._slope(state, slice(k, k + 1))
        flat = slopes.reshape(m * (self.n + 1), -1)
        information, gradient = flat.T @ flat, flat.T @ state.left.ravel()
        last = np.arange(2 * m, 2 * m + _SHARED)
        information[last, last] += 1.0 / _USUAL_SD**2
        gradient[last] += (x[last] - _USUAL) / _USUAL_SD**2
        information[m : 2 * m, m : 2 * m] += self.b1_information
        gradient[m : 2 * m] += self.b1_information @ (x[m : 2 * m] - 1.0)
        return information, gradient

    def _slope(self, state: _State, which: slice) -> Values:
        moved = state.x.copy()
        moved[which] += _DIFFERENCE
        return (self.at(moved).left - state.left) / _DIFFERENCE

    def settle(self, state: _State, enough: float = _SETTLED) -> _State:
        """Return the optimum that Levenberg's and Marquardt's steps lead to."""
        damping = 1e-2
        for _ in range(_STEPS):
            information, gradient = self.normal(state)
            diagonal = np.diag(np.diag(information))
            for _ in range(_TRIES):
                step = -np.linalg.solve(information + damping * diagonal, gradient)
                new = self.at(self._inside(state.x + np.clip(step, -_LONGEST, _LONGEST)))
                if new.cost <= state.cost:
                    break
                damping *= 5.0
            else:
                return state
            gained, state = state.cost - new.cost, new
            damping = max(damping / 5.0, 1e-6)
            if gained < enough:
                break
        return state

    def _inside(self, x: Values) -> Values:
        m = self.m
        x[:m] = np.clip(x[:m], math.log(0.5), math.log(2e4))
        x[m : 2 * m] = np.clip(x[m : 2 * m], *B1_RANGE)
        x[2 * m :] = np.clip(x[2 * m :], _LEAST, _MOST)
        return x

    def misfit(self, state: _State) -> float:
        """Return the SD of what is left beyond noise [signal]."""
        used = self.trains.used
        left = np.where(used, state.left[:, :-1] / np.maximum(self.weight, 1e-30), 0.0)
        variance = (left**2).sum() / self.freedom - float(np.mean(self.trains.noise_sd**2))
        return math.sqrt(max(variance, 0.0))

    @property
    def freedom(self) -> int:
        """Echoes less parameters."""
        return int(self.trains.used.sum()) - 3 * self.m - _SHARED


def fit_shared_pulses(trains: Trains) -> SharedPulses:
    """Fit T2 and B1 of every liquid and the pulses they share.

    Raises
    ------
    FitError
        If there are fewer echoes than unknowns.
    """
    problem = _Problem(trains, _MISFIT * float(np.median(trains.signal.max(axis=1))))
    if problem.freedom < 1:
        raise FitError(
            f"{int(trains.used.sum())} echoes of {problem.m} liquids cannot tell their T2, B1, "
            "amplitude and the pulses",
            hint="more echoes are needed that are neither clipped nor in the noise",
        )
    first = np.concatenate([_rough(trains), np.full(problem.m, _START_B1)])
    starts = [np.concatenate([first, np.log(start), np.zeros(3)]) for start in _STARTS]
    best = _best(problem, starts)
    for _ in range(_PASSAGES):
        problem = _Problem(trains, problem.misfit(best))
        best = problem.settle(problem.at(best.x))
    if np.isfinite(trains.radius_mm).any():
        tilted = [np.concatenate([best.x[:-3], tilt]) for tilt in _TILTS]
        best = _best(problem, [best.x, *tilted])
        problem = _Problem(trains, problem.misfit(best))
        best = problem.settle(problem.at(best.x))
    return _result(problem, best)


def _best(problem: _Problem, starts: list[Values]) -> _State:
    """Return about the best optimum that these places lead to."""
    found = [problem.settle(problem.at(x), _NEARLY_SETTLED) for x in starts]
    return min(found, key=lambda state: state.cost)


def _result(problem: _Problem, state: _State) -> SharedPulses:
    m, trains = problem.m, problem.trains
    information, _ = problem.normal(state)
    covariance = np.linalg.inv(information)
    whole = np.diag(covariance)[:m]
    arms, plane = trains.arms, slice(2 * m + 3, 2 * m + 6)
    fixed = np.diag(np.linalg.inv(information[: 2 * m, : 2 * m]))[:m]
    # what another T1 does to the optimum, to first order
    longer = problem.at(state.x, trains.t1_ms * math.exp(_DIFFERENCE))
    slope = (longer.left - state.left) / _DIFFERENCE
    per_t1 = np.array([_along_t1(problem, state, slope, i) for i in range(m)])
    excitation, refocusing, width = np.exp(state.x[2 * m : 2 * m + 3])
    return SharedPulses(
        t2_ms=np.exp(state.x[:m]),
        b1=state.x[m : 2 * m],
        s0=state.s0,
        pulses=Pulses(
            excitation_time_bandwidth=float(excitation),
            refocusing_time_bandwidth=float(refocusing),
            refocusing_width=float(width),
        ),
        u_fixed=np.sqrt(fixed),
        u_pulses=np.sqrt(np.maximum(whole - fixed, 0.0)),
        per_t1=per_t1,
        leak=state.left[:, -1] * problem.leak_sd,
        offset_mm=trains.offset_mm + arms @ state.x[plane],
        u_offset_mm=np.sqrt(np.einsum("ik,kl,il->i", arms, covariance[plane, plane], arms)),
        misfit_sd=problem.misfit(state),
        freedom=problem.freedom,
        chi_square=float((state.left**2).sum()),
    )


def _along_t1(problem: _Problem, state: _State, slope: Values, i: int) -> float:
    """Return how ln T2 of one liquid follows ln T1, the pulses and B1 as they are."""
    moved = state.x.copy()
    moved[i] += _DIFFERENCE
    own = (problem.at(moved).left[i] - state.left[i]) / _DIFFERENCE
    return float(-(own @ slope[i]) / (own @ own))


def refit_t2(trains: Trains, found: SharedPulses, further_mm: Values | None = None) -> Values:
    """Return T2 (m,) of other signals of the same liquids, or of a slice that lies further off.

    Pulses and B1 are taken as found.
    """
    pulses = np.log(dataclasses.astuple(found.pulses))
    offset = np.abs(found.offset_mm) + (0.0 if further_mm is None else further_mm)
    weight = np.where(trains.used, 1.0, 0.0)
    signal = trains.signal - found.leak[:, None]
    log_t2 = np.log(found.t2_ms)

    def left(at: Values) -> Values:
        shape = _shapes(trains, at, found.b1, pulses, trains.t1_ms, offset)
        s0 = (weight * shape * signal).sum(axis=1) / (weight * shape**2).sum(axis=1)
        return np.asarray(weight * (signal - s0[:, None] * shape))

    for _ in range(_REFITS):
        here = left(log_t2)
        slope = (left(log_t2 + _DIFFERENCE) - here) / _DIFFERENCE
        step = -(slope * here).sum(axis=1) / np.maximum((slope**2).sum(axis=1), 1e-30)
        log_t2 = log_t2 + np.clip(step, -_LONGEST, _LONGEST)
    return np.asarray(np.exp(log_t2))


_REFITS = 3
"""From a place that is right to a few percent."""


def _rough(trains: Trains) -> Values:
    """Return ln T2 (m,) to start from: a line through the logarithms, stimulated echoes apart."""
    found = []
    for signal, used in zip(trains.signal, trains.used, strict=True):
        echoes = np.flatnonzero(used & (signal > 0))
        echoes = echoes[1:] if echoes.size > 3 else echoes
        heights = signal[echoes]
        rate = 0.0
        if echoes.size > 1:
            times = (echoes + 1.0) * trains.spacing_ms
            rate = -float(np.polyfit(times, np.log(heights), 1, w=heights)[0])
        found.append(math.log(0.85 / rate) if rate > 1e-4 else math.log(2000.0))
    return np.array(found)


def _shapes(
    trains: Trains, log_t2: Values, b1: Values, log_pulses: Values, t1_ms: Values, offset: Values
) -> Values:
    """Return the trains (m, n) of unit amplitude."""
    along, turn, whole = profiles_at(b1, *(math.exp(v) for v in log_pulses))
    found = np.empty(trains.signal.shape)
    rows = np.arange(log_t2.size)
    e1, e2 = np.exp(-trains.spacing_ms / t1_ms), np.exp(-trains.spacing_ms / np.exp(log_t2))
    there = along * _windows(trains, offset)
    echo_trains(there, turn, rows, e1, e2, 1.0 / whole, found)  # type: ignore[no-untyped-call]
    return found


def _windows(trains: Trains, offset_mm: Values) -> Values:
    """Return the share (m, positions) of each disk that the liquid fills, across the slice.

    A point of the disk at r lies in a sphere up to sqrt(R² - r²) from its middle; positions stand
    for both sides of the slice.
    """
    z = model("t2_epg").positions() * trains.thickness_mm
    sides = np.stack((z - offset_mm[:, None], z + offset_mm[:, None]))
    radius, disk = trains.radius_mm[:, None], trains.disk_mm[:, None]
    found: Values = np.clip((radius**2 - sides**2) / disk**2, 0.0, 1.0).mean(axis=0)
    return found
