"""Which unit the values of a quantitative map have: what its header says, what tissue allows."""

from __future__ import annotations

import dataclasses
import math
import re

from qiqa.core.vetting import SeriesFacts
from qiqa.vetting.quality.kind import image_types

__all__ = ["QUANTITIES", "Quantity", "fitting_factors", "quantity_of", "stated_factor"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What a map shows, and what the median over tissue, or a phantom, can be."""

    name: str
    unit: str
    """The one that a set is to have."""
    low: float
    high: float
    """Window of the median over the object, in `unit`; narrower than the smallest step between
    units in use, so that at most one unit fits."""
    factors: tuple[float, ...]
    """From units in use to `unit`."""
    words: str
    """Pattern in the description of a series."""
    flags: tuple[str, ...]
    """Words of ImageType."""


QUANTITIES = (
    # Free water at 37 C has 3.04e-3 mm2/s (Holz, Heil and Sacco, Phys Chem Chem Phys 2000;2:4740):
    # nothing in a body is above. 40 % PVP at 0 C, the slowest in common phantoms, has 0.13e-3.
    Quantity(
        name="ADC",
        unit="mm2/s",
        low=1.1e-4,
        high=3.3e-3,
        factors=(1.0, 1e-3, 1e-6),
        words=r"\badc\b|apparent.?diffusion",
        flags=("ADC", "ADC_MAP", "ADCMAP"),
    ),
    # Cerebrospinal fluid 4.2 s at 3 T, fat 0.3 s (Rooney et al., Magn Reson Med 2007;57:308;
    # Bojorquez et al., Magn Reson Imaging 2017;35:69); phantoms go down to 20 ms.
    Quantity(
        name="T1",
        unit="ms",
        low=20.0,
        high=6000.0,
        factors=(1.0, 1e3, 1e-3),
        words=r"\bt1.?map|\bt1 ?mapping|\bt1_map",
        flags=("T1 MAP", "T1_MAP", "T1MAP"),
    ),
    # Water 2.5 s and less; liver at 3 T 34 ms, T2* of it down to 2 ms with iron (Stanisz et al.,
    # Magn Reson Med 2005;54:507).
    Quantity(
        name="T2",
        unit="ms",
        low=3.0,
        high=2500.0,
        factors=(1.0, 1e3, 1e-3),
        words=r"\bt2\*?.?(star)?.?map|\bt2 ?mapping",
        flags=("T2 MAP", "T2_MAP", "T2MAP", "T2_STAR MAP", "T2* MAP", "T2STAR_MAP"),
    ),
)

_UNITS: dict[str, dict[str, float]] = {
    "ADC": {
        "mm2/s": 1.0,
        "um2/s": 1e-6,
        "um2/ms": 1e-3,
        "10-3mm2/s": 1e-3,
        "1e-3mm2/s": 1e-3,
        "x10-3mm2/s": 1e-3,
        "10-6mm2/s": 1e-6,
        "1e-6mm2/s": 1e-6,
        "x10-6mm2/s": 1e-6,
    },
    "T1": {"ms": 1.0, "msec": 1.0, "s": 1e3, "sec": 1e3, "us": 1e-3},
    "T2": {"ms": 1.0, "msec": 1.0, "s": 1e3, "sec": 1e3, "us": 1e-3},
}
"""Quantity -> spelling -> factor to its unit. `US` in RescaleType means unspecified, not us."""
_STATING = (
    "RealWorldValueUnits",
    "MeasurementUnitsCodeValue",
    "MeasurementUnits",
    "Units",
    "RescaleType",
)
"""Attributes that may state a unit, the surest first."""
_MICRO_MAKERS = ("GE", "SIEMENS")
"""Makers whose ADC maps hold 1e-6 mm2/s without saying so."""


def quantity_of(facts: SeriesFacts) -> Quantity | None:
    """Return what a map shows, by ImageType and description; None for all other images."""
    flags = set(image_types(facts))
    if flags & {"M", "PRIMARY_M"} and "DERIVED" not in flags:
        return None
    for one in QUANTITIES:
        if flags & set(one.flags) and ("DERIVED" in flags or one.name == "ADC"):
            return one
    words = f"{facts.text('SeriesDescription')} {facts.text('ProtocolName')}".lower()
    words = words.replace("_", " ")
    derived = "DERIVED" in flags or not flags
    for one in QUANTITIES:
        if derived and re.search(one.words, words):
            return one
    return None


def stated_factor(quantity: Quantity, facts: SeriesFacts) -> tuple[float, str]:
    """Return the factor to the quantity's unit and where it is from; NaN and "" where unstated."""
    known = _UNITS[quantity.name]
    for keyword in _STATING:
        for value in facts.attributes.get(keyword, ()):
            factor = known.get(_spelled(str(value)))
            if factor is not None:
                return factor, f"{keyword} {str(value)[:24]!r}"
    maker = facts.text("Manufacturer").upper()
    if quantity.name == "ADC" and maker.startswith(_MICRO_MAKERS):
        return 1e-6, f"habit of {maker.split()[0].title()}"
    return math.nan, ""


def _spelled(text: str) -> str:
    """Return a unit without blanks, powers and signs that are written in many ways."""
    plain = text.strip().replace("µ", "u").replace("μ", "u").replace("²", "2")
    plain = re.sub(r"[\s^*{}()\[\]]", "", plain).replace("10E-", "10-").replace("−", "-")
    return plain if plain == "US" else plain.lower()


def fitting_factors(quantity: Quantity, median: float) -> tuple[float, ...]:
    """Return the factors that put a median into the window."""
    return tuple(f for f in quantity.factors if quantity.low <= median * f <= quantity.high)
