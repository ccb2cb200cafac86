"""Simulated acquisitions for the speed table of parameter fits: equations, ranges, noise.

The equations are written out here; nothing of the package under test is used, so that errors
against truth mean something. Signals are magnitudes with Rician noise (two channels), except for
the signed inversion recovery, which has Gaussian noise.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import _mapping_trains
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SEED = 20221019
SNR = 100.0
AMPLITUDE = 1000.0
CHUNK = 1 << 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One row: an acquisition, the ranges of truth, and the equation."""

    name: str
    model: str
    """Name in the registry of models."""
    title: str
    values: tuple[float, ...]
    unit: str
    parameter: str
    """What is compared with truth."""
    ranges: str
    """Truth, in words for the report."""
    draw: Callable[[np.random.Generator, int], dict[str, Array]]
    signal: Callable[[Array, dict[str, Array]], Array]
    """(values (n, 1), truth of v voxels) -> noise-free signal (n, v)."""
    tr_ms: float | tuple[float, ...] | None = None
    directions: tuple[tuple[float, float, float], ...] | None = None
    signed: bool = False
    peak: bool = False
    """SNR is that of the largest point, not of the amplitude."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """What a case simulates to."""

    signal: NDArray[np.float32]
    """(n, voxels), C order."""
    truth: Array
    """(voxels,): the compared parameter."""
    b1: Array | None


def simulate(case: Case, voxels: int) -> Data:
    """Return noisy signals and truth; the same for the same case and number of voxels."""
    rng = np.random.default_rng([SEED, *case.name.encode()])
    x = np.asarray(case.values, dtype=np.float64)[:, None]
    out = np.empty((x.size, voxels), dtype=np.float32)
    truth = np.empty(voxels)
    b1 = np.empty(voxels)
    has_b1 = False
    for start in range(0, voxels, CHUNK):
        stop = min(start + CHUNK, voxels)
        drawn = case.draw(rng, stop - start)
        clean = AMPLITUDE * case.signal(x, drawn)
        if case.peak:
            clean *= AMPLITUDE / np.abs(clean).max(axis=0)
        noisy = clean + AMPLITUDE / SNR * rng.standard_normal(clean.shape)
        if not case.signed:
            noisy = np.hypot(noisy, AMPLITUDE / SNR * rng.standard_normal(clean.shape))
        out[:, start:stop] = noisy
        truth[start:stop] = drawn[case.parameter]
        if "b1_map" in drawn:
            has_b1 = True
            b1[start:stop] = drawn["b1_map"]
    return Data(signal=out, truth=truth, b1=b1 if has_b1 else None)


def _uniform(name: str, low: float, high: float) -> Callable[..., dict[str, Array]]:
    return lambda rng, n: {name: rng.uniform(low, high, n)}


def _log_uniform(name: str, low: float, high: float) -> Callable[..., dict[str, Array]]:
    return lambda rng, n: {name: np.exp(rng.uniform(math.log(low), math.log(high), n))}


def _together(*draws: Callable[..., dict[str, Array]]) -> Callable[..., dict[str, Array]]:
    def draw(rng: np.random.Generator, n: int) -> dict[str, Array]:
        return {key: value for one in draws for key, value in one(rng, n).items()}

    return draw


def _decay(name: str) -> Callable[[Array, dict[str, Array]], Array]:
    return lambda x, p: np.exp(-x / p[name]) + p.get("offset", 0.0)


def inversion_recovery(ti: Array, tr: Array | float, t1: Array, efficiency: Array) -> Array:
    """S / M0 of a 90-degree readout a time `ti` after inversion, repeated every `tr`.

    Before the inversion M = M0 (1 - exp(-(TR - TI) / T1)); with efficiency k it becomes -k M;
    recovery to TI gives 1 - (1 + k) exp(-TI / T1) + k exp(-TR / T1).
    """
    return 1 - (1 + efficiency) * np.exp(-ti / t1) + efficiency * np.exp(-tr / t1)


def _spoiled(angles: Array, p: dict[str, Array]) -> Array:
    a = np.deg2rad(angles) * p.get("b1_map", 1.0)
    e = np.exp(-VFA_TR_MS / p["t1"])
    return np.sin(a) * (1 - e) / (1 - e * np.cos(a))


def _tensors(rng: np.random.Generator, n: int) -> dict[str, Array]:
    """Symmetric tensors of random orientation: (n, 3, 3) [mm²/s]."""
    md = rng.uniform(0.3e-3, 2.5e-3, n)
    part = rng.dirichlet((4.0, 4.0, 4.0), n)  # shares of the trace, all positive
    turn, _ = np.linalg.qr(rng.standard_normal((n, 3, 3)))
    eigen = 3 * md[:, None] * part
    return {"md": md, "tensor": np.einsum("nij,nj,nkj->nik", turn, eigen, turn)}


def _tensor_signal(b: Array, p: dict[str, Array]) -> Array:
    g = np.asarray(DTI_DIRECTIONS)
    return np.exp(-b * np.einsum("mi,nij,mj->mn", g, p["tensor"], g))


def _sphere(n: int) -> tuple[tuple[float, float, float], ...]:
    """Return n directions spread evenly over half a sphere (golden spiral)."""
    found = []
    for i in range(n):
        z = (i + 0.5) / n
        turn = math.pi * (1 + math.sqrt(5)) * i
        r = math.sqrt(1 - z * z)
        found.append((r * math.cos(turn), r * math.sin(turn), z))
    return tuple(found)


B_VALUES = (0.0, 100.0, 600.0, 800.0)
DTI_B = (0.0, *([1000.0] * 18))
DTI_DIRECTIONS = ((0.0, 0.0, 0.0), *_sphere(18))
INVERSION_TIMES = (35.0, 75.0, 100.0, 125.0, 150.0, 250.0, 1000.0, 1500.0, 2000.0, 3000.0)
IR_TR_MS = 4500.0
IR_TRS_MS = tuple(ti + 1500.0 for ti in INVERSION_TIMES)
RECOVERY_TIMES = (50.0, 100.0, 200.0, 400.0, 800.0, 1500.0, 3000.0, 5000.0)
FLIP_ANGLES = (2.0, 5.0, 10.0, 15.0, 20.0)
VFA_TR_MS = 6.6
ECHOES_32 = tuple(10.0 * k for k in range(1, 33))
ECHOES_8 = tuple(4.0 * k for k in range(1, 9))
DOUBLE_ANGLES = (60.0, 120.0)

_adc = {
    "values": B_VALUES,
    "unit": "s/mm²",
    "parameter": "adc",
    "draw": _uniform("adc", 0.1e-3, 2.5e-3),
    "signal": lambda x, p: np.exp(-x * p["adc"]),
    "ranges": "ADC 0.1 to 2.5e-3 mm²/s, uniform",
}
_ir = {
    "values": INVERSION_TIMES,
    "unit": "ms",
    "parameter": "t1",
    "draw": _together(_log_uniform("t1", 20, 2500), _uniform("efficiency", 0.9, 1.0)),
    "ranges": "T1 20 to 2500 ms, log-uniform; inversion efficiency 0.9 to 1",
}
_ir_one_tr = {
    **_ir,
    "signal": lambda x, p: inversion_recovery(x, IR_TR_MS, p["t1"], p["efficiency"]),
    "tr_ms": IR_TR_MS,
}
_vfa = {
    "model": "t1_vfa",
    "values": FLIP_ANGLES,
    "unit": "degree",
    "parameter": "t1",
    "signal": _spoiled,
    "tr_ms": VFA_TR_MS,
    "peak": True,
}
_echoes = {"unit": "ms", "values": ECHOES_32, "parameter": "t2", "signal": _decay("t2")}

CASES: tuple[Case, ...] = (
    Case(name="adc_log_linear", model="adc_log_linear", title="ADC log-linear, 4 b", **_adc),
    Case(name="adc_weighted", model="adc_weighted", title="ADC weighted, 4 b", **_adc),
    Case(name="adc", model="adc", title="ADC nonlinear, 4 b", **_adc),
    Case(
        name="diffusion_tensor",
        model="diffusion_tensor",
        title="Diffusion tensor, b 0 and 18 directions",
        values=DTI_B,
        unit="s/mm²",
        parameter="md",
        ranges="MD 0.3 to 2.5e-3 mm²/s, uniform; random shape and orientation",
        draw=_tensors,
        signal=_tensor_signal,
        directions=DTI_DIRECTIONS,
    ),
    Case(
        name="t1_inversion_recovery",
        model="t1_inversion_recovery",
        title="T1 inversion recovery, magnitude, 10 TI",
        **_ir_one_tr,
    ),
    Case(
        name="t1_inversion_recovery_signed",
        model="t1_inversion_recovery_signed",
        title="T1 inversion recovery, signed, 10 TI",
        signed=True,
        **_ir_one_tr,
    ),
    Case(
        name="t1_inversion_recovery_tr",
        model="t1_inversion_recovery_tr",
        title="T1 inversion recovery, magnitude, 10 TI, TR = TI + 1500 ms",
        signal=lambda x, p: inversion_recovery(
            x, np.asarray(IR_TRS_MS)[:, None], p["t1"], p["efficiency"]
        ),
        tr_ms=IR_TRS_MS,
        **_ir,
    ),
    Case(
        name="t1_saturation_recovery",
        model="t1_saturation_recovery",
        title="T1 saturation recovery, 8 times",
        values=RECOVERY_TIMES,
        unit="ms",
        parameter="t1",
        ranges="T1 100 to 2500 ms, log-uniform",
        draw=_log_uniform("t1", 100, 2500),
        signal=lambda x, p: 1 - np.exp(-x / p["t1"]),
    ),
    Case(
        name="t1_vfa",
        title="T1 variable flip angle, 5 angles",
        ranges="T1 100 to 3000 ms, log-uniform",
        draw=_log_uniform("t1", 100, 3000),
        **_vfa,
    ),
    Case(
        name="t1_vfa_b1",
        title="T1 variable flip angle, 5 angles, B1 map",
        ranges="T1 100 to 3000 ms, log-uniform; B1 0.8 to 1.2, known",
        draw=_together(_log_uniform("t1", 100, 3000), _uniform("b1_map", 0.8, 1.2)),
        **_vfa,
    ),
    Case(
        name="t2",
        model="t2",
        title="T2, two parameters, 32 echoes",
        ranges="T2 10 to 600 ms, log-uniform",
        draw=_log_uniform("t2", 10, 600),
        **_echoes,
    ),
    Case(
        name="t2_offset",
        model="t2_offset",
        title="T2 with offset, 32 echoes",
        ranges="T2 10 to 600 ms, log-uniform; offset 0 to 5 % of S0",
        draw=_together(_log_uniform("t2", 10, 600), _uniform("offset", 0.0, 0.05)),
        **_echoes,
    ),
    Case(
        name="t2_epg",
        model="t2_epg",
        title="T2 and B1 by phase graphs with slice profile, 32 echoes",
        values=ECHOES_32,
        unit="ms",
        parameter="t2",
        ranges="T2 20 to 300 ms, log-spaced; B1 0.6 to 0.95; T1 1000 ms",
        draw=_mapping_trains.draw,
        signal=_mapping_trains.signal,
    ),
    Case(
        name="t2star",
        model="t2star",
        title="T2*, 8 echoes",
        values=ECHOES_8,
        unit="ms",
        parameter="t2star",
        ranges="T2* 5 to 100 ms, log-uniform",
        draw=_log_uniform("t2star", 5, 100),
        signal=_decay("t2star"),
    ),
    Case(
        name="b1_double_angle",
        model="b1_double_angle",
        title="B1 double angle, 60 and 120 degrees",
        values=DOUBLE_ANGLES,
        unit="degree",
        parameter="b1",
        ranges="B1 0.7 to 1.3, uniform",
        draw=_uniform("b1", 0.7, 1.3),
        signal=lambda x, p: np.sin(np.deg2rad(x) * p["b1"]),
    ),
)


def accuracy(found: Array, truth: Array) -> dict[str, float]:
    """Return median absolute error and share more than 20 % off [%]; no answer counts as off."""
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(np.asarray(found, dtype=np.float64).ravel() / truth - 1)
    known = np.isfinite(error)
    return {
        "median_error_percent": float(100 * np.median(error[known])) if known.any() else math.nan,
        "beyond_20_percent": float(100 * np.mean(~(error <= 0.2))),
        "no_answer_percent": float(100 * np.mean(~known)),
    }
