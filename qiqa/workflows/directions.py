"""How the diffusion directions of a series are brought together, and why, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from qiqa.core.errors import UsageError
from qiqa.core.finding import Finding, Severity
from qiqa.core.series import Encoding

__all__ = ["DIRECTIONS", "Averaging", "averaging", "count_directions"]

DIRECTIONS = {
    "combined": "all volumes in one fit, whatever their direction",
    "each": "one fit for every direction",
    "trace": "geometric mean over the directions of each b-value, then one fit",
    "tensor": "diffusion tensor",
}
_SAME_COSINE = 0.9998
"""Directions less than about 1 degree apart, or opposite, are one: g and -g weight alike."""
_SHELL, _SHELL_LOW = 0.05, 10.0
"""b-values that differ by at most 5 %, or 10 s/mm², are one."""
_LOW_B = 50.0
"""Weighting below [s/mm²] is too weak for its direction to matter."""
_EVEN = 0.1
"""Largest deviation of the mean of g g^T from a third of the unit matrix that counts as even."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Averaging:
    """What is done with the directions."""

    directions: str
    """A name in `DIRECTIONS`."""
    words: str
    findings: tuple[Finding, ...] = ()


def _shells(values: Sequence[float]) -> dict[float, float]:
    """Return each b-value with the lowest of its shell: scanners state what they really played."""
    found: dict[float, float] = {}
    lowest = -np.inf
    for b in sorted(set(values)):
        if b - lowest > max(_SHELL * lowest, _SHELL_LOW):
            lowest = b
        found[b] = float(lowest)
    return found


def _by_b_value(encoding: Encoding) -> dict[float, list[tuple[float, float, float]]]:
    """Return the different directions of each b-value above 0; none where they are not known."""
    shells = _shells(encoding.values)
    found: dict[float, list[tuple[float, float, float]]] = {}
    for b, g in zip(encoding.values, encoding.directions or (), strict=False):
        if b <= 0 or not any(g):
            continue
        known = found.setdefault(shells[b], [])
        if all(abs(float(np.dot(g, other))) < _SAME_COSINE for other in known):
            known.append(g)
    return found


def count_directions(encoding: Encoding) -> int:
    """Return the largest number of different directions at one b-value; 0 where none is known."""
    return max((len(some) for some in _by_b_value(encoding).values()), default=0)


def averaging(encoding: Encoding, asked: str | None) -> Averaging:
    """Return how directions are treated.

    The logarithm of the signal, averaged over directions that are spread evenly, decays with a
    third of the trace of the diffusion tensor; one fit through all volumes does not, because the
    larger signals of the slower directions weigh more.

    Raises
    ------
    UsageError
        If what is asked for needs directions and the series has none.
    """
    count = count_directions(encoding)
    if asked is not None and asked not in DIRECTIONS:
        known = ", ".join(DIRECTIONS)
        raise UsageError(f"{asked!r} is not one of {known}", where="--directions")
    if asked in ("each", "tensor", "trace") and count == 0:
        raise UsageError(
            f"{asked!r} needs diffusion directions, and the headers state none",
            where="--directions",
            hint="leave --directions away",
        )
    if asked == "tensor":
        return Averaging(directions="tensor", words=f"diffusion tensor over {count} directions")
    if asked == "each":
        words = f"mono-exponential decay in each of {count} directions on its own"
        return Averaging(directions="each", words=words)
    if asked == "trace" or (asked is None and count > 1):
        findings = _uneven(encoding)
        gives = "directions not spread evenly" if findings else "a third of the trace"
        words = (
            f"geometric mean over {count} directions at each b-value, then mono-exponential "
            f"decay ({gives})"
        )
        return Averaging(directions="trace", words=words, findings=findings)
    if count > 1:
        words = f"mono-exponential decay through all volumes of {count} directions"
        finding = Finding(
            code="directions_combined",
            severity=Severity.WARNING,
            message=f"{count} directions in one fit, as asked: where diffusion depends on "
            "direction the ADC is not a third of the trace",
            hint="leave --directions away for the mean over directions",
        )
        return Averaging(directions="combined", words=words, findings=(finding,))
    known = "one direction" if count else "directions not stated"
    return Averaging(directions="combined", words=f"{known}, mono-exponential decay")


def _uneven(encoding: Encoding) -> tuple[Finding, ...]:
    """Say at which b-values directions favor an axis, so that their mean is not the trace."""
    wrong = []
    for b, some in sorted(_by_b_value(encoding).items()):
        if b < _LOW_B:
            continue
        g = np.asarray(some, dtype=np.float64)
        g /= np.linalg.norm(g, axis=1, keepdims=True)
        if np.abs(g.T @ g / len(g) - np.eye(3) / 3).max() > _EVEN:
            wrong.append(f"{b:g}")
    if not wrong:
        return ()
    return (
        Finding(
            code="uneven_directions",
            severity=Severity.WARNING,
            message=f"the directions at b {', '.join(wrong)} s/mm² are not spread evenly: their "
            "mean is a third of the trace only where diffusion is the same in all directions",
            hint="compare with --directions each or tensor",
        ),
    )
