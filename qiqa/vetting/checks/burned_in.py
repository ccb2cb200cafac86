"""Text burned into pixels, and headers that say there is some. Nothing is read."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from qiqa.core.finding import Severity
from qiqa.core.vetting import (
    Check,
    Examined,
    Needs,
    Observation,
    Reason,
    SeriesFacts,
    Setting,
    Settings,
    Stack,
)
from qiqa.vetting.lettering.lines import Line, lines
from qiqa.vetting.lettering.strokes import levels_to_try, pieces
from qiqa.vetting.quality.kind import image_types
from qiqa.vetting.quality.scan import planes

__all__ = ["CHECK", "look"]

CHECK = Check(
    name="burned_in",
    needs=Needs.PIXELS,
    title="text burned into pixels",
    reasons=(
        Reason(
            code="burned_in_text",
            severity=Severity.ERROR,
            title="text in the pixels",
            meaning="pieces that look like lines of characters: may name a person, and a model "
            "learns to read them; value is the number of characters",
        ),
        Reason(
            code="burned_in_stated",
            severity=Severity.ERROR,
            title="header says text is burned in",
            meaning="BurnedInAnnotation is YES: the pixels may name a person",
        ),
        Reason(
            code="secondary_capture",
            severity=Severity.WARNING,
            title="screenshot",
            meaning="a secondary capture: gray values are those of a display, text is likely",
        ),
    ),
    settings=(
        Setting(
            name="characters",
            default=5.0,
            meaning="fewest characters side by side that are taken for text",
        ),
        Setting(name="slices", default=3.0, meaning="slices that are searched, evenly spaced"),
    ),
)

_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""SOP class Secondary Capture, and those that begin so (DICOM PS3.4 B.5)."""
_SMALLEST = 48
"""Rows and columns of an image that can hold a line of text."""


def look(stack: Stack, settings: Settings) -> Examined:
    """Search a few slices for lines of text; docs/vetting/burned_in.md says how."""
    found = [*_stated(stack.facts)]
    volumes = planes(stack)
    n, k = volumes.shape[:2]
    fewest = max(2, int(_number(settings, "characters")))
    turned = stack.facts.series_uid.startswith("nifti:")  # rows of the screen may be columns here
    count = 0
    best: tuple[int, int, tuple[Line, ...]] | None = None
    for place in _places(n * k, int(_number(settings, "slices"))):
        image = volumes[place // k, place % k]
        here = _text(image, fewest)
        if turned and not here:
            here = _text(np.ascontiguousarray(image.T), fewest)
        characters = sum(line.count for line in here)
        if characters > count:
            count, best = characters, (place // k, place % k, here)
    if best is not None:
        volume, plane, text = best
        first = max(text, key=lambda line: line.count)
        found.append(
            Observation(
                code="burned_in_text",
                value=float(count),
                evidence=f"{len(text)} lines of together {count} characters, the longest at row "
                f"{first.top + 1}, column {first.left + 1}, {first.height} pixels high",
                where=f"volume {volume + 1} slice {plane + 1}",
            )
        )
    return Examined(observations=tuple(found), features={"characters": float(count)})


def _number(settings: Settings, name: str) -> float:
    value = settings[name]
    return float(value) if isinstance(value, int | float) else math.nan


def _stated(facts: SeriesFacts) -> list[Observation]:
    found = []
    if any(str(v).strip().upper() == "YES" for v in facts.attributes.get("BurnedInAnnotation", ())):
        found.append(Observation(code="burned_in_stated", evidence="BurnedInAnnotation is YES"))
    kinds = [str(v) for v in facts.attributes.get("SOPClassUID", ())]
    shot = any(kind == _CAPTURE or kind.startswith(f"{_CAPTURE}.") for kind in kinds)
    if shot or {"SCREEN SAVE", "SCREENSHOT"} & set(image_types(facts)):
        found.append(
            Observation(code="secondary_capture", evidence="SOP class or ImageType says so")
        )
    return found


def _places(total: int, most: int) -> list[int]:
    """Return the first, the last and evenly spaced slices between; the middle one of one."""
    if total <= most:
        return list(range(total))
    if most < 2:
        return [total // 2] if most == 1 else []
    return [round(s * (total - 1) / (most - 1)) for s in range(most)]


def _text(image: NDArray[np.float32], fewest: int) -> tuple[Line, ...]:
    """Return the lines of one slice: those of the level with the most characters."""
    if min(image.shape) < _SMALLEST:
        return ()
    if not np.isfinite(image).all():
        image = np.where(np.isfinite(image), image, np.float32(0))
    best: tuple[Line, ...] = ()
    for level in levels_to_try(image):
        here = lines(pieces(image, level, fewest), fewest)
        if sum(line.count for line in here) > sum(line.count for line in best):
            best = here
    return best
