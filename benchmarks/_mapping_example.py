"""Rows for models without an acquisition of their own here: from the example of the model."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from _mapping_cases import AMPLITUDE, Array, Case

CURVES = 2048
"""Different voxels; the rest repeat them with other noise."""


def from_example(name: str, module: Any) -> Case:
    """Return a row for a model that has `EXAMPLE` and `predict`.

    EXAMPLE holds `values`, perhaps `tr_ms` and `directions`, and `ranges`: parameter -> (low, high)
    in its unit. Truth is drawn evenly (in the logarithm where low is positive and high over five
    times low). The signal is the model's own `predict`, so accuracy tells of the fit and not of
    the equation.

    Raises
    ------
    AttributeError, KeyError, TypeError, ValueError
        If the module has no such example.
    """
    example = module.EXAMPLE
    held: Mapping[str, Any] = (
        example
        if isinstance(example, Mapping)
        else {
            key: getattr(example, key)
            for key in ("values", "tr_ms", "directions", "ranges")
            if hasattr(example, key)
        }
    )
    values = tuple(float(v) for v in held["values"])
    ranges = {key: (float(low), float(high)) for key, (low, high) in held["ranges"].items()}
    names = [parameter.name for parameter in module.PARAMETERS]
    tr_ms = held.get("tr_ms")
    missing = set(names) - set(ranges) - {p.name for p in module.PARAMETERS if p.unit == "signal"}
    if missing:
        raise ValueError(f"its EXAMPLE gives no range of {', '.join(sorted(missing))}")

    def draw(rng: np.random.Generator, n: int) -> dict[str, Array]:
        few = min(n, CURVES)
        drawn = {}
        for parameter in module.PARAMETERS:
            # amplitudes are scaled to that of all rows
            low, high = ranges.get(parameter.name, (1.0, 1.0))
            if 0 < 5 * low < high:
                one = np.exp(rng.uniform(np.log(low), np.log(high), few))
            else:
                one = rng.uniform(low, high, few)
            drawn[parameter.name] = np.resize(one, n)
        return drawn

    def signal(_x: Array, truth: dict[str, Array]) -> Array:
        n = truth[names[0]].size
        few = min(n, CURVES)
        curves = [
            np.asarray(module.predict([float(truth[k][v]) for k in names], values, tr_ms))
            for v in range(few)
        ]
        table = np.abs(np.stack(curves, axis=1))
        return table[:, np.arange(n) % few] / table.max()

    first = next(p for p in module.PARAMETERS if p.name in ranges)
    words = ", ".join(f"{key} {low:g} to {high:g}" for key, (low, high) in ranges.items())
    return Case(
        name=name,
        model=name,
        title=f"{module.TITLE} (the model's own example)",
        values=values,
        unit="",
        parameter=first.name,
        ranges=f"{words}; largest signal {AMPLITUDE:g}",
        draw=draw,
        signal=signal,
        tr_ms=tr_ms,
        directions=held.get("directions"),
    )


def rows(options_cases: str | None) -> tuple[list[Case], dict[str, str]]:
    """Return the rows to run, and what has none: model -> reason."""
    from _mapping_cases import CASES

    registry = importlib.import_module("qiqa.models").MODELS
    held = set(registry.names())
    cases = list(CASES)
    missing = {case.model: "not in the registry" for case in CASES if case.model not in held}
    for name in sorted(held - {case.model for case in CASES}):
        try:
            cases.append(from_example(name, registry.load(name)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            missing[name] = f"no usable EXAMPLE: {error}"
    cases = [case for case in cases if case.model in held]
    if options_cases:
        wanted = options_cases.split(",")
        unknown = set(wanted) - {case.name for case in cases}
        if unknown:
            raise SystemExit(f"no such rows: {', '.join(sorted(unknown))}")
        cases = [case for case in cases if case.name in wanted]
    return cases, missing
