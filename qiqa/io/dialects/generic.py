"""The standard's own attributes; stands in for unknown vendors."""

from __future__ import annotations

from qiqa.io.dialects import Mosaic, Scale
from qiqa.io.facts import acquisition_of
from qiqa.io.header import Header
from qiqa.io.plane import Reading, Vector

__all__ = ["matches", "mosaic", "on_image_axes", "read", "scale", "unit"]

_COMPONENTS = {
    "MAGNITUDE": "magnitude",
    "PHASE": "phase",
    "REAL": "real",
    "IMAGINARY": "imaginary",
}
_LETTERS = {"M": "magnitude", "P": "phase", "R": "real", "I": "imaginary"}
_MAPS = frozenset(
    (
        *("ADC", "FA", "TRACEW", "TRACE", "COLFA", "EADC", "TENSOR", "FIELD_MAP"),
        *("T1 MAP", "T2 MAP", "T2_STAR MAP", "R2 MAP", "B0 MAP"),
    )
)
"""Values of Image Type that name computed maps, which never share a stack with images."""


def matches(header: Header) -> bool:  # noqa: ARG001 - the contract of a dialect
    """Say yes to every header."""
    return True


def unit(vector: tuple[float, ...]) -> Vector | None:
    """Return a unit vector, or None for no or a zero vector."""
    if len(vector) != 3:
        return None
    length = sum(value * value for value in vector) ** 0.5
    if length < 1e-3:
        return None
    x, y, z = (value / length for value in vector)
    return (x, y, z)


def on_image_axes(header: Header, across: float, down: float, through: float) -> Vector | None:
    """Return the unit vector with these parts along row, column and slice normal, in LPS."""
    orientation = header.numbers("ImageOrientationPatient")
    if len(orientation) != 6:
        return None
    (a, b, c), (d, e, f) = orientation[:3], orientation[3:]
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    axes = zip((a, b, c), (d, e, f), normal, strict=True)
    return unit(tuple(across * r + down * k + through * n for r, k, n in axes))


def read(header: Header) -> Reading:
    """Return what standard attributes say about one plane."""
    types = header.texts("FrameType") or header.texts("ImageType")
    directional = header.text("DiffusionDirectionality") not in ("NONE", "ISOTROPIC")
    orientation = header.numbers("DiffusionGradientOrientation") if directional else ()
    return Reading(
        acquisition=acquisition_of(header),
        b_value=header.number("DiffusionBValue"),
        direction=unit(orientation),
        component=_component(header, types),
        isotropic=header.text("DiffusionDirectionality") == "ISOTROPIC",
        derived=bool(types) and types[0] == "DERIVED",
    )


def _component(header: Header, types: tuple[str, ...]) -> str:
    """Return what kind of image it is; kinds never share a stack."""
    found = next((value for value in types[2:] if value in _MAPS), None)
    if found:
        return found.lower()
    stated = _COMPONENTS.get(header.text("ComplexImageComponent") or "")
    letter = next((_LETTERS[value] for value in types[2:] if value in _LETTERS), None)
    return stated or letter or "magnitude"


def scale(header: Header) -> Scale:
    """Return rescale slope and intercept; 1 and 0 where none is stated."""
    slope, intercept = header.number("RescaleSlope"), header.number("RescaleIntercept")
    return Scale(
        slope=slope if slope is not None and slope != 0 else 1.0,
        intercept=intercept if intercept is not None else 0.0,
    )


def mosaic(header: Header) -> Mosaic | None:  # noqa: ARG001 - the contract of a dialect
    """Return None: the standard knows no mosaic."""
    return None
