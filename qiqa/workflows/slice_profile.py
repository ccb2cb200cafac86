"""The slice profile of an echo train: chosen by the residual of the fits, never by the values.

The pulses of a product sequence are not in the header. How wide the refocused slice is decides how
much signal goes through stimulated echoes, and so T2; it also decides how well the echoes can be
fitted at all. All inserts of a series are fitted with several widths; the width with the smallest
residual is taken, and what those widths make of T2 that fit nearly as well goes into the budget.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Finding, Severity
from qiqa.core.maps import ParameterMaps
from qiqa.measure import InsertView, insert_means, insert_voxels

__all__ = ["PROFILED", "with_slice_profile"]

PROFILED = "t2_epg"
_WIDTHS = (0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0)
"""Refocused over excited slice; product sequences are said to use 1.0 to 1.5, some more."""
_NEARLY = 1.1
"""Widths with this much of the smallest sum of squares fit nearly as well."""
_LEAST = 3
"""Inserts with unclipped first echoes that are needed to tell the width."""
_CLIPPED = 0.1
_STATED, _USUAL = 1.2, (1.0, 1.5)
"""Width of the model, and what product sequences use, where the echoes cannot tell."""
_UNKNOWN = (
    "the first echoes, which tell how wide the refocused slice is, are clipped in too many "
    "inserts: it is taken as 1.2 times the excited one, anywhere from 1.0 to 1.5"
)


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Try:
    """The fits with one width."""

    width: float
    maps: ParameterMaps
    misfit: Mapping[str, float]
    """Median residual over median amplitude, squared, by insert."""
    values: Mapping[str, float]


def with_slice_profile(view: InsertView, mask: NDArray[np.bool_]) -> tuple[InsertView, Finding]:
    """Return the view with maps of the width that fits best, and what was chosen.

    Parameters
    ----------
    view
        With labels of some pose, any: the choice does not depend on them.
    mask
        (i, j, k) voxels of all inserts.
    """
    from qiqa.fitting import fit  # compiled code, which other phantoms do without

    assert view.maps is not None  # noqa: S101 - the caller fitted them
    tries = []
    for width in _WIDTHS:
        maps = fit(
            view.series, PROFILED, mask=mask, noise_sd=view.maps.noise_sd, refocusing_width=width
        )
        tries.append(_tried(width, dataclasses.replace(view, maps=maps)))
    common = set.intersection(*(set(t.misfit) for t in tries)) - _clipped_first(view)
    if len(common) < _LEAST:
        best = _WIDTHS.index(_STATED)
        near = {n for n, width in enumerate(_WIDTHS) if _USUAL[0] <= width <= _USUAL[1]}
        return _doubted(view, tries, best, near, _UNKNOWN)
    sums = [sum(t.misfit[label] for label in common) for t in tries]
    best = int(np.argmin(sums))
    if best in (0, len(tries) - 1):
        return _refused(view, tries[best])
    near = {n for n, total in enumerate(sums) if total <= _NEARLY * sums[best]}
    near |= {max(best - 1, 0), best, min(best + 1, len(tries) - 1)}
    residual = 100 * math.sqrt(sums[best] / len(common))
    words = (
        f"the refocused slice is taken as {tries[best].width:g} times the excited one, by the "
        f"residual of the fits ({residual:.2f} % of the amplitude); {tries[min(near)].width:g} to "
        f"{tries[max(near)].width:g} fit nearly as well"
    )
    return _doubted(view, tries, best, near, words)


def _doubted(
    view: InsertView, tries: list[_Try], best: int, near: set[int], words: str
) -> tuple[InsertView, Finding]:
    """Return the view with maps of one width, and what the others make of T2 as doubt."""
    doubt = {}
    for label, value in tries[best].values.items():
        read = [tries[n].values[label] for n in near if label in tries[n].values]
        if len(read) == len(near):
            doubt[label] = (max(read) - min(read)) / 2 / math.sqrt(3.0) / value
    # an insert that has no value with some of the widths is no better known than the others
    worst = max(doubt.values(), default=math.nan)
    found = tries[best].values
    doubt = {label: doubt.get(label, worst) for label in found}
    # the shorter T2, the more it depends on the profile; what single fits say is noisy
    least = 0.0
    for label in sorted(found, key=lambda label: -found[label]):
        least = doubt[label] = max(doubt[label], least)
    chosen = dataclasses.replace(view, maps=tries[best].maps, model_doubt=doubt)
    return chosen, _finding(view, words, Severity.INFO)


def _refused(view: InsertView, last: _Try) -> tuple[InsertView, Finding]:
    """Return the view with maps that say that this is no train of constant angle."""
    words = (
        f"the echoes fit best with a refocused slice of {last.width:g} times the excited one, the "
        "end of what was tried: they are not a train of constant refocusing angle"
    )
    misfit = Finding(
        code="misfit",
        severity=Severity.WARNING,
        message=words,
        where=view.series.header.description,
    )
    maps = dataclasses.replace(last.maps, findings=(*last.maps.findings, misfit))
    return dataclasses.replace(view, maps=maps), _finding(view, words, Severity.WARNING)


def _clipped_first(view: InsertView) -> set[str]:
    """Return the inserts whose first or second echo is clipped: these tell the profile."""
    limits = view.series.stored_range
    if limits is None or view.series.quantization == 0.0:
        return set()
    first = np.argsort(view.series.header.encoding.values, kind="stable")[:2]
    found = set()
    for label, index in insert_voxels(view).items():
        clipped = view.series.signal[index][:, first] >= limits[1]
        if clipped.any(axis=1).mean() > _CLIPPED:
            found.add(label)
    return found


def _tried(width: float, view: InsertView) -> _Try:
    assert view.maps is not None and view.maps.residual_sd is not None  # noqa: S101, PT018
    values = {label: mean for label, (mean, _) in insert_means(view).items()}
    misfit = {}
    for label, index in insert_voxels(view).items():
        if label in values:
            amplitude = float(np.nanmedian(view.maps.estimate("s0")[index]))
            residual = float(np.nanmedian(view.maps.residual_sd[index]))
            misfit[label] = (residual / amplitude) ** 2
    return _Try(width, view.maps, misfit, values)


def _finding(view: InsertView, words: str, severity: Severity) -> Finding:
    header = view.series.header
    return Finding(
        code="slice_profile",
        severity=severity,
        message=words,
        where=header.description,
        hint="its doubt is in the budget of T2; the maker's pulse shapes would settle it",
        series_uid=header.series_uid,
    )
