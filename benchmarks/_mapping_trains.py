"""Trains of spin echoes with slice profile, for simulation; written out here again."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
T2S = np.geomspace(20.0, 300.0, 60)
B1S = np.linspace(0.6, 0.95, 15)
SPACING_MS, T1_MS = 10.0, 1000.0
_STEPS, _POSITIONS, _REACH = 256, 60, 1.5


def _pulse(angle: float, phase: Array) -> tuple[Array, Array]:
    """Return the spinor of a Hann-windowed sinc of time-bandwidth 3 under a slice gradient."""
    t = (np.arange(_STEPS) + 0.5) / _STEPS - 0.5
    shape = np.sinc(3.0 * t) * np.cos(np.pi * t) ** 2
    a, b = np.ones(phase.size, complex), np.zeros(phase.size, complex)
    for x in shape / shape.sum() * angle:
        turn = np.hypot(x, phase / _STEPS)
        c, s = np.cos(turn / 2), np.sin(turn / 2) / turn
        p, q = c - 1j * phase / _STEPS * s, -1j * x * s
        a, b = p * a - np.conj(q) * b, q * a + np.conj(p) * b
    return a, b


def _one(b1: float, n: int, t2: Array = T2S) -> Array:
    """Return trains (t2, n); 1 is the slice excited at B1 = 1."""
    z = (np.arange(_POSITIONS) + 0.5) / _POSITIONS * _REACH
    phase = 6.0 * np.pi * z

    def excited(scale: float) -> Array:
        a, b = _pulse(np.pi / 2 * scale, phase)
        return np.real(2j * np.conj(a) * b * np.exp(-0.5j * phase))

    half = np.abs(_pulse(np.pi * b1, phase / 1.2)[1])
    angle = 2.0 * np.arcsin(np.minimum(half, 1.0))
    cos2, sin2, sine = np.cos(angle / 2) ** 2, half**2, np.sin(angle)
    to_xy, to_z = np.exp(-SPACING_MS / t2)[:, None], np.exp(-SPACING_MS / T1_MS)
    up, down, kept = (np.zeros((n + 2, t2.size, z.size)) for _ in range(3))
    up[0] = excited(b1) * np.sqrt(to_xy)
    echoes = []
    for _ in range(n):
        mixed, lost = sine * kept, sine / 2 * (up - down)
        kept = to_z * (np.cos(angle) * kept - lost)
        up, down = cos2 * up + sin2 * down + mixed, sin2 * up + cos2 * down - mixed
        echoes.append((np.sqrt(to_xy) * down[0]).sum(axis=1))
        up, down = np.roll(up, 1, axis=0), np.concatenate([down[:1], down[1:], down[:1] * 0])
        up[0], down = down[0], down[1:]
        up, down = to_xy * up, to_xy * down
    return np.stack(echoes, axis=1) / excited(1.0).sum()


def one_train(t2: float, b1: float, n: int) -> Array:
    """Return the train (n,) of one T2 [ms] and B1."""
    found: Array = _one(b1, n, np.array([t2]))[0]
    return found


@functools.cache
def trains(n: int) -> Array:
    """Return trains (T2S, B1S, n)."""
    return np.stack([_one(float(b1), n) for b1 in B1S], axis=1)


def draw(rng: np.random.Generator, count: int) -> dict[str, Array]:
    """Return T2 [ms] and B1 of `count` voxels, each one of those above."""
    row, column = rng.integers(T2S.size, size=count), rng.integers(B1S.size, size=count)
    return {"t2": T2S[row], "b1": B1S[column], "row": row, "column": column}


def signal(te: Array, drawn: dict[str, Array]) -> Array:
    """Return the trains (n, voxels) of what was drawn."""
    return trains(te.size)[drawn["row"], drawn["column"]].T
