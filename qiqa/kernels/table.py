"""Basis functions at the points of a grid, the same for every voxel."""

from __future__ import annotations

from qiqa.kernels.compiling import kernel
from qiqa.kernels.dispatch import basis, decay
from qiqa.kernels.elementary import exp

__all__ = ["tabulate_one", "tabulate_two"]


@kernel
def tabulate_one(model, constants, grid, table):
    """Write f into table (grid, n)."""
    for g in range(grid.size):
        t = exp(grid[g])
        for i in range(constants.shape[1]):
            a, b = constants[0, i], constants[1, i]
            table[g, i] = basis(model, decay(model, t, a), t, a, b, 1.0)[0]


@kernel
def tabulate_two(model, constants, grid, table):
    """Write f0 and f1 into table (grid, 2, n)."""
    for g in range(grid.size):
        t = exp(grid[g])
        for i in range(constants.shape[1]):
            a, b = constants[0, i], constants[1, i]
            found = basis(model, decay(model, t, a), t, a, b, 1.0)
            table[g, 0, i] = found[0]
            table[g, 1, i] = found[2]
