"""A spin-echo train by brute force: isochromats, rotation matrices, no graph, no symmetry.

Written from the Bloch equations alone. The slice is sampled on both sides; each position has spins
with evenly spread phases, more than there are orders, which sums up gradient dephasing exactly.
"""

import functools
import math

import numpy as np


def rotations(axis_x, axis_z):
    """Return matrices (..., 3, 3) that rotate about (x, 0, z) by the length of the vector."""
    turn = np.hypot(axis_x, axis_z)
    safe = np.where(turn > 0, turn, 1.0)
    x, z = axis_x / safe, axis_z / safe
    cross = np.zeros((*np.shape(turn), 3, 3))
    cross[..., 0, 1], cross[..., 1, 0] = -z, z
    cross[..., 1, 2], cross[..., 2, 1] = -x, x
    s, c = np.sin(turn)[..., None, None], np.cos(turn)[..., None, None]
    return np.eye(3) + s * cross + (1 - c) * (cross @ cross)


def pulse(angle, time_bandwidth, position, steps):
    """Return matrices (z, 3, 3) of a Hann-windowed sinc about x under a slice gradient."""
    t = [(k + 0.5) / steps - 0.5 for k in range(steps)]
    shape = []
    for x in t:
        u = math.pi * time_bandwidth * x
        shape.append((math.sin(u) / u if u else 1.0) * math.cos(math.pi * x) ** 2)
    whole = np.broadcast_to(np.eye(3), (position.size, 3, 3))
    for value in shape:
        along = 2 * math.pi * time_bandwidth * position / steps
        whole = rotations(np.full(position.size, angle * value / sum(shape)), along) @ whole
    return whole


def about_z(angle):
    """Return matrices (..., 3, 3) of precession."""
    return rotations(np.zeros_like(angle), angle)


@functools.lru_cache(maxsize=512)
def slice_pulses(b1, width, time_bandwidth, steps, positions, reach):
    """Return excitation with rephasing, and refocusing about the other axis, (z, 3, 3) each."""
    one = (np.arange(positions) + 0.5) / positions * reach
    z = np.concatenate([-one[::-1], one])
    excite = pulse(math.pi / 2 * b1, time_bandwidth, z, steps)
    excite = about_z(-math.pi * time_bandwidth * z) @ excite
    turned = about_z(np.full(z.size, math.pi / 2))  # Meiboom and Gill
    refocus = turned @ pulse(math.pi * b1, time_bandwidth, z / width, steps)
    return excite, refocus @ turned.transpose(0, 2, 1)


@functools.lru_cache(maxsize=512)
def echo_train(t2, b1, t1, spacing, n, width=1.2, time_bandwidth=3.0, steps=256,
               positions=48, reach=1.5):  # fmt: skip
    """Return the magnitude of n echoes; 1 is what is excited at B1 = 1 before any decay."""
    setting = (width, time_bandwidth, steps, positions, reach)
    excite, refocus = slice_pulses(b1, *setting)
    spins = 2 * n + 4
    crush = about_z(2 * math.pi * np.arange(spins) / spins)
    half1, half2 = math.exp(-spacing / 2 / t1), math.exp(-spacing / 2 / t2)
    decay = np.array([half2, half2, half1])
    m = np.broadcast_to((excite @ [0.0, 0.0, 1.0])[:, None, :], (len(excite), spins, 3))
    echoes = []
    for _ in range(n):
        for part in range(2):
            if part:
                m = np.einsum("zij,zsj->zsi", refocus, m)
            m = np.einsum("sij,zsj->zsi", crush, m) * decay
            m = m + np.array([0.0, 0.0, 1.0 - half1])
        total = m.mean(axis=1).sum(axis=0)
        echoes.append(math.hypot(total[0], total[1]))
    first = slice_pulses(1.0, *setting)[0] @ [0.0, 0.0, 1.0]
    full = math.hypot(first[:, 0].sum(), first[:, 1].sum())
    return np.array(echoes) / full
