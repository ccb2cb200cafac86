"""Level and slope of each scanner's bias along the references, with what they rest on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import special

from qiqa.core.errors import FitError
from qiqa.core.trial import VarianceComponent
from qiqa.harmonize.scanners.cells import Cells
from qiqa.harmonize.scanners.days import Days, days_of
from qiqa.harmonize.scanners.differences import UNIT_NOT_STATED
from qiqa.metrology.contrasts import covariance, estimate
from qiqa.metrology.estimable import connected
from qiqa.metrology.factors import RandomFactor
from qiqa.metrology.mixed import MixedFit, fit_mixed
from qiqa.metrology.multiplicity import holm

__all__ = ["PLACES", "Level", "Levels", "component", "levels_of"]

FloatArray = NDArray[np.float64]

UNIT = "phantom unit"
_FEWEST_FOR_SLOPE = 3
_FEWEST_DIFFERENCES = 3
"""Of units, below which a certificate knows more of them than they show."""
_FEWEST_TO_COMPARE = 5
"""Scanners below which nobody's inserts can be called unlike the others'."""
_CHANCE = 0.01
_MEDIAN_KNOWS = 0.5
"""Share of the degrees of freedom that a median of variances keeps, see `stability`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Bias of one scanner in one epoch at one place, from its inserts alone."""

    value: float
    standard_uncertainty: float
    degrees_of_freedom: float


PLACES = 3
"""Of each scanner: middle, lowest and highest reference."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Levels:
    """What the model says of all cells."""

    at: tuple[tuple[Level, Level, Level], ...]
    """(c,) at the middle, the lowest and the highest reference, without what days do."""
    day_variance: FloatArray
    """(c, 3) of these levels from what all inserts of an exam share; NaN where it is not known."""
    covariance: FloatArray
    """(3 c, 3 c) of the levels with what days do: c at the middle, c lowest, c highest."""
    sloped: tuple[bool, ...]
    """(c,) whether a scanner has read enough inserts for a slope."""
    disagree: tuple[bool, ...]
    """(c,) whether its inserts are farther off its line than those of other scanners off theirs."""
    components: tuple[VarianceComponent, ...]
    unit_variance: float
    """Of phantom units, as they were seen to differ; NaN where they are not in the model."""
    unit_shares: Mapping[tuple[int, str], FloatArray]
    """Cell that read several units, unit -> (3,) its share in the levels."""


def levels_of(cells: Cells) -> Levels:
    """Fit level and slope of every cell; inserts, units and what is left are random.

    With one insert there is no slope and nothing random: the level is its mean.
    """
    z, ends, sloped = _places(cells)
    count = len(cells.names)
    names = [f"level {i}" for i in range(count)]
    columns = [(cells.cell == i).astype(float) for i in range(count)]
    names += [f"slope {i}" for i in range(count) if sloped[i]]
    columns += [(cells.cell == i) * z for i in range(count) if sloped[i]]
    known = np.where(np.isfinite(cells.noise_variance), cells.noise_variance, 0.0)
    factors = _factors(cells)
    days = days_of(cells, units_estimated=any(f.name == UNIT for f in factors))
    fit = _fit(cells.mean, np.column_stack(columns), names, factors, days, known)
    if fit is None:
        return _means(cells, known)
    # level and slope to the level at each place
    to_places = np.zeros((PLACES * count, len(names)))
    for k, place in enumerate((0.0, *ends)):
        for i in range(count):
            to_places[k * count + i, i] = 1.0
            if sloped[i]:
                to_places[k * count + i, names.index(f"slope {i}")] = place
    of_block = days.add_up(_weights(fit) @ to_places.T)
    day = (
        days.alone[:, None]
        + (of_block**2 * days.day_variance[:, None]).sum(axis=0).reshape(PLACES, count).T
    )
    nuisance = of_block.T @ (days.unit_variance[:, None] * of_block)
    total = to_places @ covariance(fit, [{name: 1.0} for name in names]) @ to_places.T
    return Levels(
        at=tuple(
            (at[0], at[1], at[2])
            for at in (
                [
                    _level(fit, i, place, float(day[i, k] - days.alone[i]), _at(nuisance, i, k))
                    for k, place in enumerate((0.0, *ends))
                ]
                for i in range(count)
            )
        ),
        day_variance=np.where(np.isfinite(cells.exam_sds)[:, None], day, np.nan),
        covariance=total - nuisance + _on_all_places(days.alone),
        sloped=sloped,
        disagree=_disagree(cells, z, sloped),
        components=_components(fit),
        unit_variance=_unit_variance(fit),
        unit_shares={
            key: of_block[k].reshape(PLACES, count)[:, key[0]] for k, key in enumerate(days.keys)
        },
    )


def _at(matrix: FloatArray, i: int, k: int) -> float:
    at = k * (len(matrix) // PLACES) + i
    return float(matrix[at, at])


def _on_all_places(variance: FloatArray) -> FloatArray:
    """Return the (3 c, 3 c) covariance of shifts that each of c cells has at all its places."""
    return np.asarray(np.kron(np.ones((PLACES, PLACES)), np.diag(variance)), dtype=np.float64)


def _weights(fit: MixedFit) -> FloatArray:
    """Return what each fixed effect (p) takes of each mean (m, p); 0 where it is not determined."""
    weights = np.zeros((fit.readings, len(fit.names)))
    weights[:, fit.aliasing.kept] = fit.state.vx @ fit.state.phi
    return weights


def _unit_variance(fit: MixedFit) -> float:
    found = dict(zip(fit.component_names, fit.variance.tolist(), strict=True))
    return float(found.get(UNIT, math.nan))


def _disagree(cells: Cells, z: FloatArray, sloped: tuple[bool, ...]) -> tuple[bool, ...]:
    """Return whose inserts scatter about their own line more than others' about theirs.

    By F against the median of the other scanners, Holm, 1 %, as for scatter between exams: the
    scatter of inserts is pooled over scanners, and one that is crooked would hide among them. What
    an insert is off by on all scanners is taken off first. Phantom units have lines of one slope.
    """
    count = len(cells.names)
    names, insert = np.unique(cells.insert, return_inverse=True)
    cell = np.char.add(cells.cell.astype(np.str_), " ")
    block = np.unique(np.char.add(cell, cells.unit), return_inverse=True)[1]
    centers = np.array([np.median(cells.mean[block == b]) for b in range(int(block.max()) + 1)])
    off = cells.mean - centers[block]
    common = np.array([np.median(off[insert == k]) for k in range(names.size)])
    left = cells.mean - (common[insert] if count >= _FEWEST_TO_COMPARE else 0.0)
    square, df = np.zeros(count), np.zeros(count)
    for i in range(count):
        own = cells.cell == i
        units = [(block[own] == b).astype(np.float64) for b in np.unique(block[own])]
        x = np.column_stack([*units, z[own]] if sloped[i] else units)
        rest = left[own] - x @ np.linalg.lstsq(x, left[own], rcond=None)[0]
        square[i], df[i] = float(rest @ rest), max(float(own.sum() - x.shape[1]), 0.0)
    found = [False] * count
    judged = np.flatnonzero(df > 0)
    if judged.size < _FEWEST_TO_COMPARE:
        return tuple(found)
    scaled = square[judged] / special.chdtri(df[judged], 0.5)
    p = np.ones(judged.size)
    for k in range(judged.size):
        others = np.delete(np.arange(judged.size), k)
        usual = float(np.median(scaled[others]))
        if usual > 0.0:
            freedom = _MEDIAN_KNOWS * float(df[judged[others]].sum())
            f = square[judged[k]] / df[judged[k]] / usual
            p[k] = float(special.fdtrc(df[judged[k]], freedom, f))
    for place, adjusted in zip(judged.tolist(), holm(p).tolist(), strict=True):
        found[place] = adjusted < _CHANCE
    return tuple(found)


def _places(cells: Cells) -> tuple[FloatArray, tuple[float, float], tuple[bool, ...]]:
    """Return the place of each mean along the references, of both ends, and whether it is used.

    Scanners have an offset and a gain. In the unit of the readings their bias is a line along the
    reference; in percent it is one along its reciprocal, since an offset weighs more where the
    reference is small. The middle of the references is at 0.
    """
    low, high = float(cells.reference.min()), float(cells.reference.max())
    if high <= low:
        return np.zeros(cells.mean.size), (0.0, 0.0), (False,) * len(cells.names)
    middle = (low + high) / 2.0

    def along(reference: FloatArray) -> FloatArray:
        if cells.percent:
            return np.asarray(middle / reference - 1.0, dtype=np.float64)
        return np.asarray((reference - middle) / (high - middle), dtype=np.float64)

    ends = along(np.array([low, high]))
    steps = np.round((cells.reference - low) / (high - low), 6)
    sloped = tuple(
        np.unique(steps[cells.cell == i]).size >= _FEWEST_FOR_SLOPE for i in range(len(cells.names))
    )
    return along(cells.reference), (float(ends[0]), float(ends[1])), sloped


def _factors(cells: Cells) -> list[RandomFactor]:
    """Return what is random: inserts on several scanners, units that several scanners read."""
    made = []
    shared = {i for i in cells.insert.tolist() if np.unique(cells.cell[cells.insert == i]).size > 1}
    if len(shared) > 1:
        made.append(RandomFactor(name="insert", labels=cells.insert))
    named = ~np.char.startswith(cells.unit, UNIT_NOT_STATED)
    pairs = np.unique(np.column_stack([cells.cell.astype(np.str_), cells.unit])[named], axis=0)
    scanners, units = np.unique(pairs[:, 0]).size, np.unique(pairs[:, 1]).size
    parts = len(connected(pairs[:, 0], pairs[:, 1]))
    stated = np.isfinite(cells.reference_u) & (cells.reference_u > 0) & (not cells.consensus)
    # independent differences of units, and pairs that see one again on another scanner
    seen, again = units - parts, len(pairs) - (units + scanners - parts)
    if seen >= _FEWEST_DIFFERENCES or (again > 0 and not stated.all()):
        made.append(RandomFactor(name=UNIT, labels=cells.unit))
    return made


def _fit(
    y: FloatArray,
    x: FloatArray,
    names: list[str],
    factors: list[RandomFactor],
    days: Days,
    known: FloatArray,
) -> MixedFit | None:
    """Return the fitted model; None where there are too few means for what is random."""
    if y.size <= x.shape[1]:
        return None
    for some in (factors, factors[:1], []):
        try:
            return fit_mixed(y, x, names, some, days.factors(), known_variance=known)
        except FitError:
            continue
    return None


def _level(fit: MixedFit, i: int, place: float, day: float, nuisance: float) -> Level:
    """Return a level without the variance that days and differences of units give it."""
    weights = {f"level {i}": 1.0} | ({f"slope {i}": place} if f"slope {i}" in fit.names else {})
    found = estimate(fit, weights)
    total = found.naive_uncertainty**2
    left = max(total - day - nuisance, 0.0)
    df = found.degrees_of_freedom
    return Level(
        value=found.value,
        standard_uncertainty=math.sqrt(max(found.standard_uncertainty**2 - day - nuisance, 0.0)),
        # the spread of the variance is that of the part which was estimated
        degrees_of_freedom=df * (left / total) ** 2 if math.isfinite(df) and total > 0 else df,
    )


def _means(cells: Cells, known: FloatArray) -> Levels:
    """Return plain means of the inserts: there is no scatter between them to learn from."""
    at, variance = [], np.zeros(len(cells.names))
    for i in range(len(cells.names)):
        own = cells.cell == i
        variance[i] = float(known[own].sum()) / int(own.sum()) ** 2
        level = Level(
            value=float(cells.mean[own].mean()),
            standard_uncertainty=math.sqrt(variance[i]),
            degrees_of_freedom=cells.noise_df or math.inf,
        )
        at.append((level, level, level))
    day = cells.exam_sds**2 / cells.scatter.exams
    nothing = (False,) * len(cells.names)
    return Levels(
        at=tuple(at),
        day_variance=np.repeat(day[:, None], PLACES, axis=1),
        covariance=_on_all_places(variance + np.where(np.isfinite(day), day, 0.0)),
        sloped=nothing,
        disagree=nothing,
        components=(),
        unit_variance=math.nan,
        unit_shares={},
    )


def _components(fit: MixedFit) -> tuple[VarianceComponent, ...]:
    names = {"insert": "insert, on all scanners", "residual": "scanner by insert"}
    made = []
    for k, name in enumerate(fit.component_names):
        if not fit.estimated[k]:
            continue
        variance = float(fit.variance[k])
        about = float(fit.variance_covariance[k, k])
        df = 2.0 * variance**2 / about if about > 0 and variance > 0 else 0.0
        made.append(component(names.get(name, name), variance, df))
    return tuple(made)


def component(name: str, variance: float, df: float) -> VarianceComponent:
    """Return a component as an SD with its chi-square interval (Satterthwaite)."""
    from scipy.special import chdtri

    interval = (0.0, math.inf)
    if df > 0 and variance > 0:
        low, high = (float(chdtri(df, tail)) for tail in (0.025, 0.975))
        interval = (
            math.sqrt(df * variance / low) if low > 0 else 0.0,
            math.sqrt(df * variance / high) if high > 0 else math.inf,
        )
    return VarianceComponent(
        name=name, sd=math.sqrt(max(variance, 0.0)), interval=interval, degrees_of_freedom=df
    )
