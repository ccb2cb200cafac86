"""What kind of image a series is, as far as metrics have to know."""

from __future__ import annotations

from collections.abc import Iterator

from qiqa.core.vetting import SeriesFacts

__all__ = ["image_types", "is_signed", "may_be_magnitude"]

_SIGNED = frozenset(
    (
        *("P", "PHASE", "PHASE MAP", "VELOCITY", "B0 MAP", "FIELD_MAP"),
        *("R", "REAL", "I", "IMAGINARY", "SUB", "SUBTRACTION"),
    )
)


def image_types(facts: SeriesFacts) -> Iterator[str]:
    """Yield the words of ImageType in capitals, and those that frames of an object have."""
    for keyword in ("ImageType", "FrameType", "ComplexImageComponent"):
        for value in facts.attributes.get(keyword, ()):
            yield from (word.strip().upper() for word in str(value).split("\\"))


def is_signed(facts: SeriesFacts) -> bool:
    """Say whether ImageType names a kind of image that has negative values by nature."""
    return bool(_SIGNED & set(image_types(facts)))


def may_be_magnitude(facts: SeriesFacts) -> bool:
    """Say whether it may be a magnitude image of MR; files that state no modality may be."""
    return facts.text("Modality").upper() in ("", "MR") and not is_signed(facts)
