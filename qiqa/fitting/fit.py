"""`fit` and `fit_arrays`: from signal to parameter maps."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from qiqa.core.errors import FitError
from qiqa.core.finding import Finding, Severity
from qiqa.core.maps import ParameterMaps
from qiqa.core.series import Series, SeriesHeader
from qiqa.core.signal_model import Points, Pulses
from qiqa.fitting.checking import check_b1, check_mask, check_t1, points_of
from qiqa.fitting.fitter import Fitter, Results
from qiqa.fitting.loading import model as load_model
from qiqa.fitting.misfit import remarks
from qiqa.fitting.threads import thread_count

__all__ = ["fit", "fit_arrays"]

Noise = Literal["estimate"] | float | None
Progress = Callable[[float], None]


def fit(
    series: Series,
    model: str,
    *,
    mask: ArrayLike | None = None,
    noise_sd: Noise = "estimate",
    rician: bool | None = None,
    b1: ArrayLike | None = None,
    t1: ArrayLike | None = None,
    pulses: Pulses | None = None,
    uncertainty: bool = True,
    covariance: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> ParameterMaps:
    """Fit a signal model to every voxel of a series.

    Parameters
    ----------
    series
        Images with the encoding that the model needs.
    model
        Name of a model, for instance `t1_inversion_recovery`; `qiqa.models.MODELS.names()`.
    mask
        (i, j, k); voxels that are zero or False are not fitted.
    noise_sd
        Noise SD of one channel [signal]; `"estimate"` takes it from the series, None judges no
        noise floor: all points are used as they are.
    rician
        Whether the mean of the noise in magnitudes is taken off. None: yes for plain magnitude
        images, no for averages of magnitudes (vendors' trace images) and signed images.
    b1
        (i, j, k), flip angle over nominal flip angle; for models with flip angles.
    t1
        One value or (i, j, k) [ms]; for models of T2 that need it.
    pulses
        Pulses of the train, for models of echo trains; None: what the model states.
    uncertainty
        Whether standard errors and residuals are computed.
    covariance
        Whether the covariance of the parameters is kept too.
    threads
        None: as many as there are processors.
    progress
        Called with the share done, 0 to 1.

    Returns
    -------
    ParameterMaps
        Estimates in the units of the model's parameters, NaN where there is no answer, with a
        status for every voxel.

    Raises
    ------
    FitError
        If the series cannot be fitted with this model; the message says why.
    UsageError
        If there is no such model.

    Examples
    --------
    >>> maps = qiqa.fit(series, "t2")                       # doctest: +SKIP
    >>> maps.estimate("t2"), maps.standard_error("t2")      # ms  # doctest: +SKIP
    """
    header = series.header
    module = load_model(model)
    encoding = header.encoding
    if encoding.name != module.ENCODING:
        raise FitError(
            f"{module.TITLE} needs a series encoded by {module.ENCODING}, this one is encoded by "
            f"{encoding.name}",
            where=header.description or header.series_uid,
            hint="choose a series or a model that fits",
        )
    averaged = header.derived or header.component == "tracew"
    if rician and (averaged or header.component != "magnitude"):
        kind = "averages of magnitudes" if averaged else f"{header.component} images"
        raise FitError(
            f"noise in {kind} is not Rician, its mean cannot be taken off",
            where=header.description or header.series_uid,
            hint="leave rician out; points at the noise floor are left out all the same",
        )
    wanted = not averaged and header.component == "magnitude" if rician is None else rician
    tr: ArrayLike | None = encoding.tr_ms or header.acquisition.tr_ms
    nk = header.shape[:3]
    flat = series.signal.reshape(-1, header.shape[3], order="F").T
    results, fitter = _fit(
        flat,
        model,
        encoding.values,
        tr_ms=tr,
        directions=encoding.directions,
        spatial=nk,
        mask=mask,
        noise_sd=noise_sd,
        rician=wanted,
        b1=b1,
        t1=t1,
        pulses=pulses,
        saturation=_clip_range(series),
        uncertainty=uncertainty,
        covariance=covariance,
        threads=threads,
        progress=progress,
    )
    maps = _maps(results, fitter, nk, header.affine)
    findings = (*maps.findings, *_remarks(header, averaged, b1 is None, fitter))
    return dataclasses.replace(maps, header=header, findings=findings)


def _remarks(
    header: SeriesHeader, averaged: bool, without_b1: bool, fitter: Fitter
) -> list[Finding]:
    """Return what is to be known of the images that were fitted."""

    def _finding(code: str, severity: Severity, message: str, hint: str | None = None) -> Finding:
        return Finding(
            code=code,
            severity=severity,
            message=message,
            where=header.description,
            hint=hint,
            series_uid=header.series_uid,
        )

    found = []
    if averaged:
        words = (
            "averages of magnitudes over directions or repeats: their noise is not Rician, so its "
            "mean is not taken off"
        )
        found.append(_finding("averaged_magnitudes", Severity.INFO, words))
    if without_b1 and hasattr(fitter.module, "basis_b1"):
        words = (
            "no B1 map: flip angles are taken as nominal; T1 is off by about twice the error of "
            "B1, most near the ends of a slab"
        )
        found.append(_finding("no_b1_map", Severity.WARNING, words, "measure B1 and give its map"))
    return found


def fit_arrays(
    signal: ArrayLike,
    model: str,
    values: Sequence[float] | NDArray[np.float64],
    *,
    tr_ms: float | Sequence[float] | None = None,
    directions: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    noise_sd: Noise = "estimate",
    rician: bool | None = None,
    b1: ArrayLike | None = None,
    t1: ArrayLike | None = None,
    pulses: Pulses | None = None,
    saturation: float | None = None,
    uncertainty: bool = True,
    covariance: bool = False,
    threads: int | None = 1,
    progress: Progress | None = None,
) -> ParameterMaps:
    """Fit a signal model to arrays.

    Parameters
    ----------
    signal
        (n, voxels) or (n, i, j, k); float32 with the last axis contiguous is used without a copy.
    values
        n encoding values: ms, degree or s/mm², as the model says.
    tr_ms
        Repetition time [ms], one or n.
    directions
        (n, 3) diffusion directions, for the tensor.
    saturation
        Signal from which a point is clipped.
    mask, noise_sd, rician, b1, t1, pulses, uncertainty, covariance, threads, progress
        As in `fit`; maps have the shape of one volume. `rician` None means yes, unless the
        model is one for signed images.

    Raises
    ------
    FitError, UsageError
        As in `fit`.

    Examples
    --------
    >>> import numpy as np
    >>> te = [10, 20, 40, 80]
    >>> s = 1000 * np.exp(-np.array(te) / 50.0)[:, None]
    >>> float(fit_arrays(s, "t2", te, noise_sd=None).estimate("t2")[0, 0, 0])
    50.0
    """
    given = np.asarray(signal)
    if given.ndim not in (2, 4):
        raise FitError(f"signal of shape {given.shape}, needed (n, voxels) or (n, i, j, k)")
    if given.dtype.kind not in "fiub":
        raise FitError(f"signal of type {given.dtype}, needed real numbers")
    n = given.shape[0]
    if given.ndim == 4:
        spatial = (given.shape[1], given.shape[2], given.shape[3])
        flat = np.ascontiguousarray(given.transpose(0, 3, 2, 1), dtype=np.float32).reshape(n, -1)
    else:
        spatial = (given.shape[1], 1, 1)
        flat = np.ascontiguousarray(given, dtype=np.float32)

    def shaped(volume: ArrayLike | None) -> NDArray[np.generic] | None:
        if volume is None:
            return None
        array = np.asarray(volume)
        return array.reshape(spatial) if array.shape == given.shape[1:] else array

    module = load_model(model)
    wanted = not getattr(module, "SIGNED", False) if rician is None else rician
    results, fitter = _fit(
        flat,
        model,
        values,
        tr_ms=tr_ms,
        directions=directions,
        spatial=spatial,
        mask=shaped(mask),
        noise_sd=noise_sd,
        rician=wanted,
        b1=shaped(b1),
        t1=shaped(t1),
        pulses=pulses,
        saturation=None if saturation is None else (-math.inf, saturation),
        uncertainty=uncertainty,
        covariance=covariance,
        threads=threads,
        progress=progress,
    )
    return _maps(results, fitter, spatial, np.eye(4))


def _clip_range(series: Series) -> tuple[float, float] | None:
    """Return the lowest and highest value of the stored type, where it is an integer type."""
    if series.stored_range is None or series.quantization == 0.0:
        return None
    low, high = series.stored_range
    # a stored zero is air, or what the scanner masked, not a clipped value
    return (low if low < 0.0 else -math.inf), high


def _fit(
    flat: NDArray[np.float32],
    name: str,
    values: ArrayLike,
    *,
    tr_ms: ArrayLike | None,
    directions: ArrayLike | None,
    spatial: tuple[int, int, int],
    mask: ArrayLike | None,
    noise_sd: Noise,
    rician: bool,
    b1: ArrayLike | None,
    t1: ArrayLike | None,
    pulses: Pulses | None,
    saturation: tuple[float, float] | None,
    uncertainty: bool,
    covariance: bool,
    threads: int | None,
    progress: Progress | None,
) -> tuple[Results, Fitter]:
    module = load_model(name)
    points: Points = points_of(module, flat.shape[0], values, tr_ms, directions)
    if pulses is not None:
        if not hasattr(module, "PULSES"):
            raise FitError(
                f"{module.TITLE} has no use for {pulses}",
                hint="leave it out; models of echo trains need it",
            )
        points = dataclasses.replace(points, pulses=pulses)
    takes_b1 = hasattr(module, "basis_b1") or getattr(module, "TAKES_B1", False)
    if b1 is not None and not takes_b1:
        raise FitError(
            f"{module.TITLE} has no use for a B1 map",
            hint="leave it out; T1 by flip angles needs it",
        )
    if t1 is not None and not getattr(module, "TAKES_T1", False):
        raise FitError(f"{module.TITLE} has no use for T1", hint="leave it out; t2_epg takes it")
    inside = check_mask(mask, spatial)
    field, along = check_b1(b1, spatial), check_t1(t1, spatial)
    if not (noise_sd is None or noise_sd == "estimate") and not float(noise_sd) > 0:
        raise FitError(f"a noise SD of {noise_sd} [signal] must be above 0", hint="or None")
    fitter = Fitter(
        name=name,
        module=module,
        points=points,
        signal=flat,
        mask=None if inside is None else inside.ravel(order="F"),
        b1=_in_a_row(field),
        t1=_in_a_row(along),
        noise_sd=noise_sd,
        rician=rician,
        saturation=saturation,
        full=uncertainty,
        covariance=covariance,
        workers=thread_count(threads),
    )
    return fitter.run(progress), fitter


def _in_a_row(volume: NDArray[np.float64] | None) -> NDArray[np.float32]:
    """Return a map as kernels take it, empty where there is none."""
    if volume is None:
        return np.empty(0, np.float32)
    return np.ascontiguousarray(volume.ravel(order="F"), dtype=np.float32)


def _maps(
    results: Results, fitter: Fitter, spatial: tuple[int, int, int], affine: NDArray[np.float64]
) -> ParameterMaps:
    out, p = results.outputs, len(fitter.module.PARAMETERS)
    ni, nj, nk = spatial

    def volume(flat: NDArray[np.generic]) -> NDArray[np.generic]:
        # Fortran order of (i, j, k) is C order of (k, j, i)
        back = flat.reshape(*flat.shape[:-1], nk, nj, ni)
        axes = tuple(range(flat.ndim - 1))
        last = len(axes)
        return back.transpose(*axes, last + 2, last + 1, last)

    full = None
    if fitter.covariance:
        full = np.empty((p, p, out.status.size), np.float32)
        rows, columns = np.triu_indices(p)
        full[rows, columns] = out.covariance
        full[columns, rows] = out.covariance
    wide = fitter.full
    maps = ParameterMaps(
        model=fitter.name,
        method=fitter.method,
        algorithm=fitter.algorithm,
        parameters=tuple(fitter.module.PARAMETERS),
        estimates=volume(out.estimates),  # type: ignore[arg-type]
        standard_errors=volume(out.errors) if wide else None,  # type: ignore[arg-type]
        covariance=None if full is None else volume(full),  # type: ignore[arg-type]
        residual_sd=volume(out.residual) if wide else None,  # type: ignore[arg-type]
        n_used=volume(out.n_used),  # type: ignore[arg-type]
        status=volume(out.status),  # type: ignore[arg-type]
        affine=affine,
        noise_sd=results.level.noise_sd,
        noise_source=results.level.source,
        n_points=fitter.signal.shape[0],
        n_clipped=results.counts.clipped,
        n_floor=results.counts.floor,
        n_non_finite=results.counts.non_finite,
        findings=tuple(results.findings),
    )
    assumed = getattr(fitter.module, "ASSUMED_T1_MS", None)
    if assumed is None:
        return maps
    more = remarks(maps, float(assumed), bool(fitter.t1.size))
    return dataclasses.replace(maps, findings=(*maps.findings, *more))
