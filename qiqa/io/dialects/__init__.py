"""Vendors' ways of saying things: one module each, found by name.

A module has `matches(header) -> bool` and any of

- `refine(header, reading) -> Reading`: diffusion, coil, reconstruction, kind of image;
- `scale(header) -> Scale`: how stored values become signal;
- `mosaic(header) -> Mosaic | None`: several slices in one image.

`generic` stands in for whatever a module does not have, and for unknown vendors. Third parties
add a module by an entry point in the group `qiqa.io.dialects`.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.util
from types import ModuleType

from qiqa.core.registry import Registry
from qiqa.io.header import Header
from qiqa.io.plane import Reading, Vector

__all__ = ["Mosaic", "Scale", "mosaic", "of", "reading", "scale"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """signal = stored value * slope + intercept."""

    slope: float = 1.0
    intercept: float = 0.0
    meaning: str = "rescaled"
    """`rescaled` (rescale slope and intercept) or the vendor's name of another scale."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mosaic:
    """Tiles of equal size, row by row."""

    n_tiles: int
    grid: tuple[int, int]
    """Rows and columns of tiles."""
    spacing_mm: float = 0.0
    normal: Vector = (0.0, 0.0, 0.0)
    """Direction from tile to tile, LPS."""
    positions: tuple[Vector, ...] = ()
    """Position of each tile where the header states it; else from the corner of the mosaic."""


@functools.cache
def _modules() -> tuple[tuple[str, ModuleType], ...]:
    registry = Registry(__name__)
    names = [name for name in registry.names() if name != "generic"]
    return tuple((name, _module(registry, name)) for name in [*names, "generic"])


def _module(registry: Registry, name: str) -> ModuleType:
    # the registry searches all installed distributions at each load, 10 ms a module; our own
    # modules need no search
    own = f"{__name__}.{name}"
    if importlib.util.find_spec(own) is not None:
        return importlib.import_module(own)
    return registry.load(name)


def of(header: Header) -> tuple[str, ModuleType]:
    """Return name and module of the first dialect that knows the header; `generic` knows all."""
    return next((name, module) for name, module in _modules() if module.matches(header))


def _choose(dialect: ModuleType, function: str) -> ModuleType:
    return dialect if hasattr(dialect, function) else dict(_modules())["generic"]


def reading(dialect: ModuleType, header: Header) -> Reading:
    """Return what `dialect` makes of the header of one plane."""
    generic = dict(_modules())["generic"]
    plain: Reading = generic.read(header)
    return plain if not hasattr(dialect, "refine") else dialect.refine(header, plain)


def scale(dialect: ModuleType, header: Header) -> Scale:
    """Return how the stored values of one plane become signal."""
    result: Scale = _choose(dialect, "scale").scale(header)
    return result


def mosaic(dialect: ModuleType, header: Header) -> Mosaic | None:
    """Return the layout of a mosaic, or None where the image is one slice."""
    result: Mosaic | None = _choose(dialect, "mosaic").mosaic(header)
    return result
