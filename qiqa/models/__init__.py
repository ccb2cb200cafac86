"""Signal models: one file each with equation, parameters, units, bounds and reference.

A model file holds, besides its docstring:

`TITLE`, `EQUATION`, `REFERENCES`
    Texts for people.
`QUANTITY`, `ENCODING`
    What `qiqa map` calls it; the encoding of the series that it needs.
`PARAMETERS`
    `core.maps.Parameter`s; the first belongs to the nonlinear one.
`ENGINE`
    Which engine fits it, a module of `qiqa.fitting.engines`: `amplitude` for s = c f(x; t),
    `two_amplitudes` for s = c0 f0(x; t) + c1 f1(x; t), `epg` for trains of echoes, or a closed
    form.
`EXAMPLE`
    A `core.signal_model.Example`: an acquisition and ranges of parameters that it can tell.
`predict(parameters, acquisition)`
    The signal, in plain numpy: (n, ...) for parameters of shape (p, ...).

Optional for all:

`TAKES_B1`, `TAKES_T1`
    Whether the engine uses a map of B1 (`basis_b1` says the same), and T1; `ASSUMED_T1_MS` is what
    it takes where none is given.
`POINTS_ONLY`
    Whether the signal exists at the points only: an echo of a train has no neighbors in time.

Models of the two separable engines add, with t > 0 the parameter that is iterated (a rate or the
like, about 1 in size):

`coordinate(parameter, acquisition)`
    t of the first parameter, numpy; the engine's grid and bounds come from it.
`constants(acquisition)`
    (2, n), the numbers a and b that `basis` needs of each measurement.
`scale(acquisition)`
    Numbers k that `value` and `finish` need.
`basis(e, t, a, b, q)`
    (f, df/d ln t), or for two amplitudes (f0, df0/d ln t, f1, df1/d ln t); e = exp(-a t) unless the
    model has its own `decay(t, a)`; q is a constant of the voxel (`basis_b1` for a B1 map), else 1.
`value(t, k)`
    (first parameter, its derivative with respect to ln t).
`finish(t, c0, c1, k)`
    Optional: two parameters made of the amplitudes, each followed by its derivatives with respect
    to ln t, c0 and c1.

`basis`, `decay`, `value` and `finish` are compiled: plain arithmetic, `qiqa.kernels.elementary`.
`basis` and `decay` are called with float32 and with float64; a number in them is written
`np.float32(1.0)`, since 1.0 makes the whole float64, half as fast.
Nothing else is to be registered: fitting, standard errors, status, threads, simulation, the
contract tests and the row in the benchmark come by themselves. Other distributions add theirs by
an entry point in the group `qiqa.models`.
"""

from __future__ import annotations

from qiqa.core.registry import Registry

__all__ = ["MODELS"]

MODELS = Registry("qiqa.models")
"""Model files by name."""
