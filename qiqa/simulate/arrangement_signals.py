"""Signal of every liquid in every volume, and how it is spread over the slice."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from qiqa.core.series import Encoding
from qiqa.simulate import pulses, relaxation
from qiqa.simulate.analytic import Weights
from qiqa.simulate.arrangement_spec import ArrangementSpec, Filling
from qiqa.simulate.profile import slice_profile

__all__ = ["Spread", "encoding_of", "half_width", "signals", "spread"]

Values = NDArray[np.float64]
_PLACES = 129
_TRAIN_REACH = 1.5
"""Of the pulses of a train, in slice thicknesses from the middle."""
_KEPT = 1e-5
"""Functions of the place in the slice that hold less than this part of the signal are left out."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """Functions over the slice, and how much of each every liquid has in every volume."""

    weights: Weights
    parts: Values
    """(liquids, volumes, functions)."""
    total: Values
    """Signal of each liquid where it fills the slice, (liquids, volumes)."""


def encoding_of(spec: ArrangementSpec) -> Encoding:
    """Return what distinguishes the volumes."""
    if spec.kind == "ir":
        return Encoding(name="inversion_time", values=spec.ti_ms, unit="ms")
    if spec.kind == "mse":
        times = tuple(round(spec.te_ms * (n + 1), 9) for n in range(spec.n_echoes))
        return Encoding(name="echo_time", values=times, unit="ms")
    if spec.kind == "vfa":
        return Encoding(name="flip_angle", values=spec.flip_deg, unit="degree")
    if spec.kind == "pd":
        return Encoding(name="repeat", values=(1.0, 2.0), unit="1")
    if spec.kind == "volume":
        return Encoding()
    pairs = [
        (b, d)
        for b in spec.b_values
        for d in (spec.directions if spec.directions and b > 0 else ((0.0, 0.0, 0.0),))
    ]
    ras = tuple((-d[0] + 0.0, -d[1] + 0.0, d[2]) for _, d in pairs)
    return Encoding(
        name="b_value",
        values=tuple(b for b, _ in pairs),
        unit="s/mm²",
        directions=ras if spec.directions else None,
    )


def _columns(fillings: list[Filling]) -> tuple[Values, Values, Values, Values]:
    rows = np.array([[f.t1_ms, f.t2_ms, f.pd, f.adc_mm2_per_s] for f in fillings])
    return rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3]


def signals(spec: ArrangementSpec, fillings: list[Filling], adc_factor: Values) -> Values:
    """Return the signal (liquids, volumes), signed for `ir`; not for `mse`.

    Parameters
    ----------
    adc_factor
        Apparent over true ADC of each liquid, (liquids,).
    """
    t1, t2, pd, adc = _columns(fillings)
    values = np.array(encoding_of(spec).values)
    if spec.kind == "ir":
        result = relaxation.inversion_recovery(
            t1, t2, values, spec.tr_ms, spec.te_ms, spec.inversion_efficiency
        )
    elif spec.kind in ("vfa", "volume"):
        flips = values if spec.kind == "vfa" else np.array(spec.flip_deg[-1:])
        result = relaxation.spoiled_gradient_echo(t1, t2, flips * spec.b1, spec.tr_ms, spec.te_ms)
    else:
        result = relaxation.spin_echo(t1, t2, spec.tr_ms, spec.te_ms)
        if spec.kind == "dwi":
            result = result * relaxation.diffusion(adc * adc_factor, values)
        else:
            result = np.repeat(result, values.size, axis=1)
    return pd[:, None] * result


def _shape(profile: str, place: Values) -> Values:
    """Return a profile at places in units of its full width at half maximum; 1 in the middle."""
    if profile == "rect":
        return np.ones_like(place)
    made = slice_profile(profile, 1.0)
    middles = -made.half_mm + made.step_mm * (np.arange(made.cumulative.size - 1) + 0.5)
    density = np.diff(made.cumulative)
    result: Values = np.interp(place, middles, density / density.max(), left=0.0, right=0.0)
    return result


def half_width(spec: ArrangementSpec) -> float:
    """Return how far a slice reaches from its middle [mm]."""
    if spec.profile == "rect":
        return spec.thickness_mm / 2
    if spec.kind == "mse":
        return _TRAIN_REACH * spec.thickness_mm
    return slice_profile(spec.profile, spec.thickness_mm).half_mm


def spread(spec: ArrangementSpec, fillings: list[Filling], adc_factor: Values) -> Spread:
    """Return the signal of every liquid over the slice."""
    half = half_width(spec)
    z = np.linspace(-half, half, _PLACES)
    shape = _shape(spec.profile, z / spec.thickness_mm)
    if spec.kind != "mse":
        total: Values = signals(spec, fillings, adc_factor)
        basis = (shape / np.trapezoid(shape, z))[None, :]
        weights = Weights(half_mm=half, z_mm=z, basis=basis)
        return Spread(weights=weights, parts=total[:, :, None], total=total)
    distinct = list(dict.fromkeys(fillings))
    which = [distinct.index(one) for one in fillings]
    trains = _trains(spec, distinct, z)
    flat = trains.transpose(0, 2, 1).reshape(-1, _PLACES)
    # Principal functions of the place in the slice, by the small matrix of their products.
    size, vectors = np.linalg.eigh(flat.T @ flat)
    basis = vectors[:, size > _KEPT**2 * size[-1]].T
    parts = (flat @ basis.T).reshape(len(distinct), spec.n_echoes, -1)
    area = np.asarray(np.trapezoid(trains, z, axis=1))
    weights = Weights(half_mm=half, z_mm=z, basis=basis)
    return Spread(weights=weights, parts=parts[which], total=area[which])


def _trains(spec: ArrangementSpec, fillings: list[Filling], z: Values) -> Values:
    """Return echoes (liquids, places, echoes) a mm of the slice.

    Where the slice is a box, angles are the same all over it; else they are those of the pulses.
    """
    t1, t2, pd, _ = _columns(fillings)
    middle = _PLACES // 2
    place = z[middle:] / spec.thickness_mm  # symmetric: one half is enough
    nominal = spec.refocusing_deg * spec.b1
    if spec.profile == "rect":
        angle, turn = np.full(place.size, 90 * spec.b1), np.full(place.size, nominal)
    else:
        window = spec.pulse_window
        first, later = spec.excitation_time_bandwidth, spec.refocusing_time_bandwidth
        size = np.clip(pulses.excited(90 * spec.b1, window, first, place), -1.0, 1.0)
        angle = np.degrees(np.arcsin(size))
        turn = pulses.refocusing_deg(nominal, window, later, place / spec.refocusing_width)
    one_side = relaxation.echo_train(t1, t2, spec.te_ms, spec.n_echoes, angle, turn)
    both = np.concatenate((one_side[:, :0:-1], one_side), axis=1)
    rest = np.maximum(spec.tr_ms - spec.n_echoes * spec.te_ms, 0.0)
    ready = pd * (1 - np.exp(-rest / t1))
    result: Values = both * ready[:, None, None] / spec.thickness_mm
    return result
