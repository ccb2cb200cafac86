"""One series as the parts that are fitted on their own: as it is, averaged, or by direction."""

from __future__ import annotations

import dataclasses

from qiqa.core.series import Series

__all__ = ["Part", "parts"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """What goes into one fit."""

    series: Series
    label: str = ""
    """Which of several, in words; empty where there is one."""


def parts(series: Series, directions: str) -> tuple[Part, ...]:
    """Return what is fitted, for a way of treating diffusion directions."""
    if directions == "trace":
        from qiqa.fitting.diffusion import geometric_means

        return (Part(series=geometric_means(series)),)
    if directions == "each":
        from qiqa.fitting.diffusion import by_direction

        some = by_direction(series)
        return tuple(
            Part(series=item, label=f"direction {number} of {len(some)}{_vector(item)}")
            for number, item in enumerate(some, start=1)
        )
    return (Part(series=series),)


def _vector(series: Series) -> str:
    """Return the direction of the strongest weighting in words."""
    encoding = series.header.encoding
    pairs = zip(encoding.values, encoding.directions or (), strict=False)
    _, g = max(pairs, default=(0.0, (0.0, 0.0, 0.0)))
    return f" ({', '.join(f'{x:.2f}' for x in g)})" if any(g) else ""
