"""Exponentials of the measurements, four at a time."""

from __future__ import annotations

from qiqa.kernels.compiling import BLOCK, inlined, rows
from qiqa.kernels.dispatch import decay

__all__ = ["four_decays", "write_factors"]


@inlined
def write_factors(model, a, t, factors):
    """Write the factors from one exponential to the next, the one after it and the third."""
    factors = rows(factors)
    once, twice, thrice = factors[0], factors[1], factors[2]
    step = a[1] - a[0]
    for v in range(BLOCK):
        e = decay(model, t[v], step)
        once[v], twice[v], thrice[v] = e, e * e, e * e * e


@inlined
def four_decays(model, even, t, a0, a1, a2, a3, once, twice, thrice):
    """Return four exponentials; where the constants rise evenly, three by the factors."""
    e0 = decay(model, t, a0)
    if even:
        return e0, e0 * once, e0 * twice, e0 * thrice
    return e0, decay(model, t, a1), decay(model, t, a2), decay(model, t, a3)
