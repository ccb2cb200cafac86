"""`qiqa simulate`: exams of a digital phantom as DICOM."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from qiqa.cli import status
from qiqa.cli.console import progress, say
from qiqa.core.errors import UsageError

__all__ = ["SimulateOptions", "command"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SimulateOptions:
    """What was asked for on the command line; pairs and triples as texts with commas."""

    phantom: str
    output: Path
    variant: str = "plate"
    style: str = "siemens"
    enhanced: bool = False
    snr: float = 150.0
    coils: int = 1
    thickness_mm: float = 5.0
    displacement_mm: float = 0.0
    rotation_deg: float = 0.0
    tilt_deg: str = "0,0"
    offset_mm: str = "0,0"
    gradient_error_percent: str = "0,0,0"
    shading_percent: float = 4.0
    ghost_fraction: float = 0.0
    bubble_deg: float = 0.0
    seed: int = 1


def command(options: SimulateOptions) -> int:
    """Write a T1 series and a localizer."""
    import numpy as np

    from qiqa.io.definitions import load_phantom
    from qiqa.io.write_dicom import write_exam
    from qiqa.simulate.acr_large import simulate_exam
    from qiqa.simulate.spec import AcrSpec

    if options.phantom != "acr_large":
        raise UsageError(f"{options.phantom!r} cannot be simulated; there is acr_large")
    tilt = _numbers(options.tilt_deg, 2, "--tilt")
    offset = _numbers(options.offset_mm, 2, "--offset")
    gradient = _numbers(options.gradient_error_percent, 3, "--gradient-error")
    spec = AcrSpec(
        variant=options.variant,
        snr=options.snr,
        n_coils=options.coils,
        thickness_mm=options.thickness_mm,
        displacement_mm=options.displacement_mm,
        rotation_deg=options.rotation_deg,
        tilt_deg=(tilt[0], tilt[1]),
        center_offset_mm=(offset[0], offset[1]),
        gradient_error_percent=(gradient[0], gradient[1], gradient[2]),
        shading_percent=options.shading_percent,
        ghost_fraction=options.ghost_fraction,
        bubble_deg=options.bubble_deg,
    )
    phantom = load_phantom(options.phantom)
    with progress() as tell:
        tell("simulating")
        exam = simulate_exam(phantom, spec, np.random.default_rng(options.seed))
        tell("writing DICOM")
        written = write_exam(
            exam.named, options.output, style=options.style, enhanced=options.enhanced
        )
    count = sum(len(paths) for paths in written.values())
    say(f"{count} files written to {options.output.resolve()} ({', '.join(written)})")
    return status.PASS


def _numbers(text: str, count: int, where: str) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count:
        raise UsageError(f"{text!r} is not {count} numbers with commas", where=where)
    return values
