"""Whether values and signal can be fitted at all; every refusal says what, why and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qiqa.core.errors import FitError
from qiqa.core.signal_model import Points

__all__ = ["check_b1", "check_mask", "check_t1", "points_of"]

_WORDS = {
    "echo_time": ("echo times", "ms"),
    "inversion_time": ("inversion times", "ms"),
    "repetition_time": ("repetition times", "ms"),
    "flip_angle": ("flip angles", "degree"),
    "b_value": ("b-values", "s/mm²"),
}
# largest value below which, and above which, a list cannot be in the unit it should be in
_IMPOSSIBLE = {
    "echo_time": (1.0, "s", 20000.0, "µs"),
    "inversion_time": (20.0, "s", 200000.0, "µs"),
    "repetition_time": (20.0, "s", 200000.0, "µs"),
    "flip_angle": (1.6, "radian", 360.0, "something else"),
    "b_value": (10.0, "ms/µm²", 100000.0, "s/m²"),
}
_SHORTEST_TR_MS = 0.2
_SHORTEST_T1_MS, _LONGEST_T1_MS = 10.0, 50_000.0
"""Median outside of which T1 is in another unit."""


def _shown(values: NDArray[np.float64]) -> str:
    shown = ", ".join(f"{value:g}" for value in values[:8])
    return shown + (", ..." if values.size > 8 else "")


def points_of(
    module: ModuleType,
    n: int,
    values: ArrayLike,
    tr_ms: ArrayLike | None,
    directions: ArrayLike | None,
) -> Points:
    """Return the measurements of a series in its own order.

    Parameters
    ----------
    module
        The model.
    n
        Number of volumes.
    values
        Encoding values in the unit of the model's encoding.
    tr_ms
        Repetition time [ms], one or one a volume.
    directions
        (n, 3).

    Raises
    ------
    FitError
        If count, unit or spread of the values is wrong.
    """
    name, unit = _WORDS[module.ENCODING]
    found = np.atleast_1d(np.asarray(values, dtype=np.float64))
    if found.ndim != 1 or found.size != n:
        raise FitError(f"{found.size} {name} for {n} volumes", hint="give one value a volume")
    if not np.isfinite(found).all() or (found < 0).any():
        raise FitError(f"{name} must be finite and not negative: {_shown(found)} {unit}")
    needed = len(module.PARAMETERS)
    if n < needed:
        raise FitError(
            f"{n} volume{'s' if n != 1 else ''} cannot tell {needed} parameters of "
            f"{module.TITLE} ({', '.join(p.name for p in module.PARAMETERS)})",
            hint=f"at least {needed} different {name} are needed",
        )
    if np.unique(found).size < min(needed, 2):
        raise FitError(
            f"all {name} are {found[0]:g} {unit}", hint="nothing changes between the volumes"
        )
    _check_unit(module.ENCODING, name, unit, found)
    tr = np.full(n, np.nan) if tr_ms is None else np.asarray(tr_ms, dtype=np.float64)
    if tr.size not in (1, n):
        raise FitError(f"{tr.size} repetition times for {n} volumes")
    tr = np.broadcast_to(tr, (n,)).astype(np.float64)
    _check_tr(module, found, tr)
    vectors = None if directions is None else np.asarray(directions, dtype=np.float64)
    if vectors is None and getattr(module, "NEEDS_DIRECTIONS", False):
        raise FitError(
            f"{module.TITLE} needs the diffusion directions",
            hint="give directions (bvec), or fit the adc of all volumes together",
        )
    if vectors is not None and vectors.shape != (n, 3):
        raise FitError(f"directions of shape {vectors.shape}, needed ({n}, 3)")
    return Points(values=found, tr_ms=tr, directions=vectors)


def _check_unit(encoding: str, name: str, unit: str, values: NDArray[np.float64]) -> None:
    low, small_unit, high, large_unit = _IMPOSSIBLE[encoding]
    largest = float(values.max())
    if largest < low:
        raise FitError(
            f"{name} up to {largest:g} cannot be in {unit} (less than {low:g}); "
            f"they look like {small_unit}: {_shown(values)}",
            hint=f"give them in {unit}",
        )
    if largest > high:
        raise FitError(
            f"{name} up to {largest:g} cannot be in {unit} (more than {high:g}); "
            f"they look like {large_unit}: {_shown(values)}",
            hint=f"give them in {unit}",
        )


def _check_tr(module: ModuleType, values: NDArray[np.float64], tr: NDArray[np.float64]) -> None:
    known = tr[np.isfinite(tr)]
    if getattr(module, "NEEDS_TR", False) and known.size < tr.size:
        raise FitError(
            f"{module.TITLE} needs the repetition time", hint="give tr_ms, or a sidecar with it"
        )
    if known.size and (known <= 0).any():
        raise FitError(f"repetition times must be above 0: {_shown(known)} ms")
    if known.size and float(known.max()) < _SHORTEST_TR_MS:
        raise FitError(
            f"a repetition time of {known.max():g} cannot be in ms; it looks like s",
            hint="give it in ms",
        )
    if module.ENCODING == "inversion_time" and known.size and (tr < values).any():
        worst = int(np.argmax(values - tr))
        raise FitError(
            f"inversion time {values[worst]:g} ms is longer than the repetition time "
            f"{tr[worst]:g} ms",
            hint="check both; TR counts from one inversion to the next",
        )
    if module.ENCODING == "flip_angle" and known.size and np.ptp(known) > 1e-3 * known.max():
        raise FitError(f"flip angles were measured with different TR: {_shown(known)} ms")


def check_mask(mask: ArrayLike | None, shape: Sequence[int]) -> NDArray[np.bool_] | None:
    """Return the mask as booleans of the shape of the series.

    Raises
    ------
    FitError
        If its shape differs or nothing is inside.
    """
    if mask is None:
        return None
    found = np.asarray(mask)
    if found.shape != tuple(shape):
        raise FitError(f"the mask has shape {found.shape}, the series {tuple(shape)}")
    inside: NDArray[np.bool_] = (
        np.isfinite(found) & (found != 0) if found.dtype.kind == "f" else found != 0
    )
    if not inside.any():
        raise FitError("the mask is empty", hint="give a mask with voxels inside, or none")
    return inside


def check_b1(b1: ArrayLike | None, shape: Sequence[int]) -> NDArray[np.float64] | None:
    """Return the relative B1 map (1 = nominal).

    Raises
    ------
    FitError
        If its shape differs, or its values cannot be relative.
    """
    if b1 is None:
        return None
    found = np.asarray(b1, dtype=np.float64)
    if found.shape != tuple(shape):
        raise FitError(
            f"the B1 map has shape {found.shape}, the series {tuple(shape)}",
            hint="resample it to the grid of the series",
        )
    inside = found[np.isfinite(found) & (found > 0)]
    if inside.size == 0:
        raise FitError("the B1 map has no value above 0")
    middle = float(np.median(inside))
    if not 0.2 <= middle <= 3.0:
        looks = "percent" if 20 <= middle <= 300 else "another unit"
        raise FitError(
            f"the B1 map has a median of {middle:g}; it must be relative to the nominal flip angle "
            f"(about 1), and looks like {looks}",
            hint="divide it by 100" if looks == "percent" else None,
        )
    return found


def check_t1(t1: ArrayLike | None, shape: Sequence[int]) -> NDArray[np.float64] | None:
    """Return T1 [ms], one value or a map.

    Raises
    ------
    FitError
        If its shape differs, or its values cannot be in ms.
    """
    if t1 is None:
        return None
    found = np.asarray(t1, dtype=np.float64)
    if found.shape not in ((), tuple(shape)):
        raise FitError(
            f"the T1 map has shape {found.shape}, the series {tuple(shape)}",
            hint="resample it to the grid of the series, or give one value",
        )
    known = found[np.isfinite(found) & (found > 0)]
    if known.size == 0:
        raise FitError("T1 has no value above 0", hint="give it in ms, or leave it out")
    middle = float(np.median(known))
    if not _SHORTEST_T1_MS <= middle <= _LONGEST_T1_MS:
        raise FitError(
            f"a T1 of {middle:g}{' (median of the map)' if found.ndim else ''} cannot be in ms; "
            f"it looks like {'s' if middle < _SHORTEST_T1_MS else 'µs'}",
            hint="give it in ms",
        )
    return found
