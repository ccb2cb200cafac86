"""Rows for models without an acquisition of their own here: from the example of the model."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
from _mapping_cases import SEED, Array, Case


def from_example(name: str, module: Any) -> Case:
    """Return a row for a model from its `EXAMPLE` and `predict`.

    Truth is drawn evenly over the example's ranges (in the logarithm where the upper end is over
    five times the lower). The signal is the model's own `predict`, so accuracy tells of the fit
    and not of the equation.

    Raises
    ------
    AttributeError, TypeError, ValueError
        If the module has no such example.
    """
    example = module.EXAMPLE
    points = example.points()
    names = [parameter.name for parameter in module.PARAMETERS]
    if len(names) != len(example.ranges):
        raise ValueError(f"{len(example.ranges)} ranges for {len(names)} parameters")

    def draw(rng: np.random.Generator, n: int) -> dict[str, Array]:
        drawn = {}
        for key, (low, high) in zip(names, example.ranges, strict=True):
            if 0 < 5 * low < high:
                drawn[key] = np.exp(rng.uniform(np.log(low), np.log(high), n))
            else:
                drawn[key] = rng.uniform(low, high, n)
        return drawn

    def signal(_x: Array, truth: dict[str, Array]) -> Array:
        stacked = np.stack([truth[key] for key in names])
        return np.asarray(module.predict(stacked, points))

    trial = signal(np.empty(0), draw(np.random.default_rng(SEED), 256))
    ranges = zip(module.PARAMETERS, example.ranges, strict=True)
    words = (f"{p.name} {low:g} to {high:g} {p.unit}" for p, (low, high) in ranges)
    return Case(
        name=name,
        model=name,
        title=f"{module.TITLE} (the model's own example)",
        values=tuple(example.values),
        unit="",
        parameter=names[0],
        ranges=", ".join(words),
        draw=draw,
        signal=signal,
        tr_ms=example.tr_ms,
        directions=example.directions,
        signed=bool((trial < 0).any()),
        peak=True,
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
        except (AttributeError, TypeError, ValueError) as error:
            missing[name] = f"no usable EXAMPLE: {error}"
    cases = [case for case in cases if case.model in held]
    if options_cases:
        wanted = options_cases.split(",")
        unknown = set(wanted) - {case.name for case in cases}
        if unknown:
            raise SystemExit(f"no such rows: {', '.join(sorted(unknown))}")
        cases = [case for case in cases if case.name in wanted]
    return cases, missing
