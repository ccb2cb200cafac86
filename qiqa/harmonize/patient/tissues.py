"""Repeatability of ADC by tissue, from test-retest studies."""

from __future__ import annotations

import math

from qiqa.core.change import Tissue

__all__ = ["TISSUES"]

_QIBA = "QIBA diffusion profile 2024 (Radiology, PMC11537247): 95 % threshold of a true change"

TISSUES: dict[str, Tissue] = {
    tissue.name: tissue
    for tissue in (
        Tissue(
            name="breast",
            wcv_percent=4.8,
            degrees_of_freedom=71.0,
            off_center=True,
            source="ACRIN 6698 (PMID 30350329): tumor ADC, 71 test-retest pairs, 4.0 to 5.7 %",
        ),
        Tissue(
            name="brain",
            wcv_percent=8.0 / 2.77,
            degrees_of_freedom=math.inf,
            off_center=False,
            source=f"{_QIBA} 8 % / 2.77",
        ),
        Tissue(
            name="liver",
            wcv_percent=27.0 / 2.77,
            degrees_of_freedom=math.inf,
            off_center=True,
            source=f"{_QIBA} 27 % / 2.77",
        ),
        Tissue(
            name="prostate",
            wcv_percent=27.0 / 2.77,
            degrees_of_freedom=math.inf,
            off_center=False,
            source=f"{_QIBA} 27 % / 2.77",
        ),
    )
}
