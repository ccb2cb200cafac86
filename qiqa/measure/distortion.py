"""Geometric distortion in space, from fiducial spheres: scale, shear, and the nonlinear part."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Finding, Severity
from qiqa.core.measurement import BudgetLine, Interval, Measurement
from qiqa.measure._fiducial_fit import FiducialFit, fit_fiducials
from qiqa.measure._fiducial_pictures import pictures
from qiqa.measure.outcome import Outcome, finish, not_measured
from qiqa.measure.view import View
from qiqa.metrology.budget import coverage_factor

__all__ = ["ALGORITHM", "KIND", "NAMES", "measure"]

_Array = NDArray[np.float64]

KIND = "fiducial"
ALGORITHM = "distortion/1"
AXES = "xyz"
RADII_MM = (45, 70, 95)
"""Around the isocenter: the middle, most of a head, all that the lattice reaches."""
PAIRS = ((0, 1), (0, 2), (1, 2))
NAMES = (
    ("fiducials_found", "fiducial_count", "1", None),
    *((f"scale_{a}", "scale", "%", None) for a in AXES),
    *((f"shear_{AXES[a]}{AXES[b]}", "shear", "%", None) for a, b in PAIRS),
    ("fiducial_rigid_rms", "geometric_residual", "mm", None),
    ("fiducial_affine_rms", "geometric_residual", "mm", None),
    *((f"nonlinear_rms_{r}mm", "nonlinear_distortion_rms", "mm", None) for r in RADII_MM),
    *((f"nonlinear_max_{r}mm", "nonlinear_distortion_max", "mm", None) for r in RADII_MM),
)
EXPANSION_PER_K = 5e-5
"""Of polyphenylene sulfide, unfilled; a typical data-sheet value, with glass it is half."""
TEMPERATURE_K = 3.0
"""Standard uncertainty of the phantom's temperature against that of its making."""
DOUBTFUL = 0.75
"""Share of explained variance below which a sphere counts as doubtful."""
LEAST_INSIDE = 4
"""Fiducials within a radius for its nonlinear part to be given."""


def measure(view: View, siblings: tuple[View, ...]) -> Outcome:  # noqa: ARG001
    """Measure scale [%], shear [%] and what they leave [mm], in the scanner's axes."""
    fit = fit_fiducials(view)
    resolved = view.pose.labels != "unresolved"
    lost = _lost(fit, resolved)
    measurements = [
        _count(view, fit, lost),
        *(_scale(view, fit, a) for a in range(3)),
        *(_shear(view, fit, a, b) for a, b in PAIRS),
        _residual(view, fit, "fiducial_rigid_rms", fit.rigid_residual_mm),
        _residual(view, fit, "fiducial_affine_rms", fit.affine_residual_mm),
        *(_inside_rms(view, fit, r) for r in RADII_MM),
        *(_inside_max(view, fit, r) for r in RADII_MM),
    ]
    unexpected = tuple(label for label in lost if label not in fit.group.absent)
    findings = (_missing(view, unexpected),) if unexpected else ()
    return Outcome(
        measurements=tuple(measurements),
        evidence=pictures(view, fit, tuple(m.name for m in measurements)),
        findings=findings,
    )


def _lost(fit: FiducialFit, resolved: bool) -> tuple[str, ...]:
    """Return labels of the places in view without a sphere; places in words without labels."""
    at = np.flatnonzero(~fit.seen & fit.in_view)
    if resolved:
        return tuple(fit.group.labels[i] for i in at)
    return tuple(
        "one near x {:.0f}, y {:.0f}, z {:.0f} mm of the scanner".format(*fit.nominal_mm[i])
        for i in at
    )


def _missing(view: View, lost: tuple[str, ...]) -> Finding:
    header = view.series.header
    return Finding(
        code="fiducials_not_found",
        severity=Severity.WARNING,
        message=f"{len(lost)} fiducial spheres in view were not found: {', '.join(lost)}",
        where=header.description,
        hint="look for bubbles, loose spheres or signal voids there",
        series_uid=header.series_uid,
    )


def _count(view: View, fit: FiducialFit, lost: tuple[str, ...]) -> Measurement:
    doubtful = int((fit.seen & (fit.centers.explained < DOUBTFUL)).sum())
    out = int((~fit.in_view & ~fit.seen).sum())
    allowed = [label for label in lost if label in fit.group.absent]
    notes = [f"in view but not found: {', '.join(lost)}"] if lost else []
    notes += [f"{', '.join(allowed)} is left out of most units"] if allowed else []
    notes += [f"{out} places out of view"] if out else []
    return finish(
        view,
        "fiducials_found",
        "fiducial_count",
        "1",
        float(fit.n),
        (BudgetLine(name="doubtful spheres", standard_uncertainty=doubtful / math.sqrt(3)),),
        algorithm=ALGORITHM,
        interval=Interval(low=float(fit.n - doubtful), high=float(fit.n), kind="discrete"),
        assumptions=tuple(notes),
    )


def _strain_budget(fit: FiducialFit, a: int, b: int) -> tuple[BudgetLine, ...]:
    """Return what scale (a = b) and shear share, in percent."""
    return (
        BudgetLine(
            name="scatter of the fiducials",
            standard_uncertainty=100 * fit.strain_uncertainty(a, b),
            degrees_of_freedom=float(fit.n - 4),
            evaluation="A",
            note="noise, single spheres off their place, and nonlinear distortion",
        ),
        BudgetLine(
            name="planes of the lattice",
            standard_uncertainty=100 * fit.plane_uncertainty(a, b),
            note="whole planes of fiducials off their place",
        ),
    )


def _scale(view: View, fit: FiducialFit, a: int) -> Measurement:
    expansion = BudgetLine(
        name="thermal expansion of the phantom",
        standard_uncertainty=100 * EXPANSION_PER_K * TEMPERATURE_K,
    )
    value = 100 * (float(fit.stretch[a, a]) - 1)
    budget = (*_strain_budget(fit, a, a), expansion)
    return finish(
        view,
        f"scale_{AXES[a]}",
        "scale",
        "%",
        value,
        budget,
        algorithm=ALGORITHM,
        assumptions=fit.notes,
    )


def _shear(view: View, fit: FiducialFit, a: int, b: int) -> Measurement:
    return finish(
        view,
        f"shear_{AXES[a]}{AXES[b]}",
        "shear",
        "%",
        200 * float(fit.stretch[a, b]),
        _strain_budget(fit, a, b),
        algorithm=ALGORITHM,
        assumptions=fit.notes,
    )


def _rms(residual: _Array, noise: _Array) -> tuple[float, float]:
    """Return the root mean square distance, noise of the centers taken out, and its error [mm]."""
    square = float(np.mean((residual**2).sum(axis=1)))
    excess = square - float(np.mean(noise.sum(axis=1)))
    # of a mean of squares: each counts with twice its size times its error, and the error squared
    spread = 4 * (residual**2 * noise).sum() + 2 * (noise**2).sum()
    error = math.sqrt(float(spread)) / len(residual)
    value = math.sqrt(max(excess, 0.0))
    return value, error / (2 * max(value, math.sqrt(error), 1e-9))


def _rms_lines(fit: FiducialFit, error: float, n: int) -> tuple[BudgetLine, ...]:
    return (
        BudgetLine(name="centers of the fiducials", standard_uncertainty=error, evaluation="A"),
        BudgetLine(
            name="places of the fiducials",
            standard_uncertainty=fit.group.position_uncertainty_mm / math.sqrt(n),
            note="they also raise the value: see the interval",
        ),
    )


def _floored(fit: FiducialFit, value: float, budget: tuple[BudgetLine, ...]) -> Interval:
    """Return an interval whose low end allows that places, not images, are off."""
    u = math.sqrt(sum(line.standard_uncertainty**2 for line in budget))
    reach = coverage_factor(math.inf) * u
    low = math.sqrt(max(value**2 - 3 * fit.group.position_uncertainty_mm**2, 0.0))
    return Interval(low=max(min(low, value) - reach, 0.0), high=value + reach)


def _residual(view: View, fit: FiducialFit, name: str, residual: _Array) -> Measurement:
    value, error = _rms(residual, fit.noise_mm2)
    budget = _rms_lines(fit, error, fit.n)
    return finish(
        view,
        name,
        "geometric_residual",
        "mm",
        value,
        budget,
        algorithm=ALGORITHM,
        interval=_floored(fit, value, budget),
        assumptions=(_correction(view),),
    )


def _correction(view: View) -> str:
    state = view.series.header.acquisition.reconstruction.distortion_correction
    return f"distortion correction of the images: {state or 'not known'}"


def _coverage(view: View, fit: FiducialFit, inside: NDArray[np.bool_]) -> tuple[str, ...]:
    farthest = float(fit.radius_mm[inside].max())
    words = f"{int(inside.sum())} fiducials, the farthest {farthest:.0f} mm from the isocenter"
    return (words, *fit.notes, _correction(view))


def _inside_rms(view: View, fit: FiducialFit, radius: int) -> Measurement:
    name, quantity = f"nonlinear_rms_{radius}mm", "nonlinear_distortion_rms"
    inside = fit.radius_mm <= radius
    if inside.sum() < LEAST_INSIDE:
        return not_measured(view, name, quantity, "mm", _too_few(inside, radius))
    value, error = _rms(fit.affine_residual_mm[inside], fit.noise_mm2[inside])
    budget = _rms_lines(fit, error, int(inside.sum()))
    return finish(
        view,
        name,
        quantity,
        "mm",
        value,
        budget,
        algorithm=ALGORITHM,
        interval=_floored(fit, value, budget),
        assumptions=_coverage(view, fit, inside),
    )


def _inside_max(view: View, fit: FiducialFit, radius: int) -> Measurement:
    name, quantity = f"nonlinear_max_{radius}mm", "nonlinear_distortion_max"
    inside = fit.radius_mm <= radius
    if inside.sum() < LEAST_INSIDE:
        return not_measured(view, name, quantity, "mm", _too_few(inside, radius))
    square = (fit.affine_residual_mm[inside] ** 2).sum(axis=1)
    noise = fit.noise_mm2[inside]
    at = int(np.argmax(square))
    value = math.sqrt(max(float(square[at] - noise[at].sum()), 0.0))
    budget = (
        BudgetLine(
            name="center of the fiducial farthest off",
            standard_uncertainty=float(np.sqrt(noise[at].max())),
            evaluation="A",
        ),
        BudgetLine(
            name="place of the fiducial farthest off",
            standard_uncertainty=fit.group.position_uncertainty_mm,
        ),
    )
    label = np.asarray(fit.group.labels)[fit.seen][inside][at]
    where = (f"farthest off: {label}",) if view.pose.labels != "unresolved" else ()
    return finish(
        view,
        name,
        quantity,
        "mm",
        value,
        budget,
        algorithm=ALGORITHM,
        interval=_floored(fit, value, budget),
        assumptions=(*where, *_coverage(view, fit, inside)),
    )


def _too_few(inside: NDArray[np.bool_], radius: int) -> str:
    return (
        f"{int(inside.sum())} fiducials within {radius} mm of the isocenter, at least "
        f"{LEAST_INSIDE} are needed"
    )
