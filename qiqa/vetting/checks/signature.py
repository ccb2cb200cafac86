"""What `duplicates` compares: digest and codes of the pixels of one series."""

from __future__ import annotations

import math

from qiqa.core.finding import Severity
from qiqa.core.vetting import Check, Examined, Needs, Observation, Reason, Settings, Stack
from qiqa.vetting.signature.signing import sign

__all__ = ["CHECK", "look"]

CHECK = Check(
    name="signature",
    needs=Needs.PIXELS,
    title="Signature of the pixels, for finding duplicates",
    reasons=(
        Reason(
            code="no_signature",
            severity=Severity.INFO,
            title="nothing to compare",
            meaning="The images show nothing in which copies could be told: all values are equal, "
            "missing, or they are smaller than 4 x 4. Duplicates of it are not looked for.",
        ),
    ),
)


def look(stack: Stack, settings: Settings) -> Examined:  # noqa: ARG001
    """Return the signature of a stack; see `qiqa.vetting.signature`."""
    step = float(stack.quantization)
    found = sign(stack.signal, step if math.isfinite(step) else math.nan)
    if found:
        return Examined(signature=found)
    shape = " x ".join(str(size) for size in stack.signal.shape)
    nothing = Observation(code="no_signature", evidence=f"{shape} voxels without content")
    return Examined(observations=(nothing,))
