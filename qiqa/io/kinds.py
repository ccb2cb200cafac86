"""What a DICOM object is if it is no image to be measured."""

from __future__ import annotations

__all__ = ["IMAGES", "other_kind"]

_KINDS = {
    "1.2.840.10008.1.3.10": "DICOMDIR",
    "1.2.840.10008.5.1.4.1.1.66": "raw data",
    "1.2.840.10008.5.1.4.1.1.4.2": "MR spectroscopy",
    "1.2.840.10008.5.1.4.1.1.7": "secondary capture",
}
_KIND_STEMS = {
    "1.2.840.10008.5.1.4.1.1.11.": "presentation state",
    "1.2.840.10008.5.1.4.1.1.88.": "structured report",
    "1.2.840.10008.5.1.4.1.1.104.": "encapsulated document",
    "1.2.840.10008.5.1.4.1.1.7.": "secondary capture",
}
IMAGES = (
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.4.1",
    "1.2.840.10008.5.1.4.1.1.4.4",
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.2.2",
)
"""Image classes that must have pixels: MR and CT, classic, enhanced, converted."""


def other_kind(sop_class: str, *, pixels: bool, geometry: bool, samples: int) -> str | None:
    """Return what an object is in words, or None for an image to be measured.

    Parameters
    ----------
    sop_class
        SOP Class UID; empty where it is not stated.
    pixels, geometry
        Whether it has pixels, and a position in space.
    samples
        Samples per pixel.
    """
    stems = (name for stem, name in _KIND_STEMS.items() if sop_class.startswith(stem))
    kind = _KINDS.get(sop_class) or next(stems, None)
    if kind is not None:
        return kind
    if sop_class not in IMAGES:
        if not pixels:
            return "DICOM object without pixels"
        if not geometry:
            return "image without position"
    return "color image" if samples != 1 else None
