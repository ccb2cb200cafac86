"""What a person read from an instrument and entered, as a number."""

from __future__ import annotations

import math
from collections.abc import Mapping

__all__ = ["entered_temperature"]

_TEMPERATURE = "temperature"
"""Entry that every protocol asks for: phantom or room, read from a thermometer by a person."""


def entered_temperature(entries: Mapping[str, str]) -> float | None:
    """Return the temperature that a person read and entered [°C], None where nobody did.

    What a protocol assumes is no reading, and a temperature that follows from the images could
    not be held against them.

    >>> entered_temperature({"temperature": "21.5"})
    21.5
    """
    try:
        degc = float(entries.get(_TEMPERATURE, ""))
    except ValueError:
        return None
    return degc if math.isfinite(degc) else None
