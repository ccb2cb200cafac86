"""`qiqa simulate`: exams of a digital phantom as DICOM."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qiqa.cli import status
from qiqa.cli.arguments import Parser, finite, json_option, numbers
from qiqa.cli.console import progress, say, write_json
from qiqa.core.arrangement import Arrangement
from qiqa.core.canonical import plain
from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.simulate.spec import AcrSpec
    from qiqa.simulate.truth import Truth

__all__ = ["COMMANDS", "EPILOG", "OPERANDS", "Options", "arguments", "command", "write"]

SCHEMA = "qiqa.simulate/1"
COMMANDS = {
    "history": (
        "qiqa.cli.simulate_history",
        "Simulate years of weekly exams of a fleet as a table, with faults whose truth is known.",
    ),
    "trial": (
        "qiqa.cli.simulate_trial",
        "Simulate a multisite trial as tables: phantoms and participants, with the truth.",
    ),
    "training-set": (
        "qiqa.cli.simulate_training_set",
        "Simulate a training set as DICOM: people, sites, and faults whose truth is known.",
    ),
}
"""What has options of its own: next word -> module, summary."""
OPERANDS = "PHANTOM FOLDER"
EPILOG = """
examples:
  qiqa simulate acr_large out
  qiqa simulate nist_system out --kind ir --temperature 22 --swap T1-1,T1-2
  qiqa simulate acr_large out --style ge --snr 60 --thickness 5.6 --offset -3,2

Years of weekly exams as a table: qiqa simulate history --help
A multisite trial as tables: qiqa simulate trial --help
A training set as DICOM: qiqa simulate training-set --help
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line; pairs and triples as texts with commas."""

    phantom: str
    output: Path
    variant: str = "plate"
    style: str = "siemens"
    enhanced: bool = False
    snr: float = 150.0
    coils: int = 1
    thickness: float = 5.0
    displacement: float = 0.0
    rotation: float = 0.0
    tilt: str = "0,0"
    offset: str = "0,0"
    gradient_error: str = "0,0,0"
    shading: float = 4.0
    ghost: float = 0.0
    bubble: float = 0.0
    kind: str = "session"
    serial: str | None = None
    field: float = 3.0
    temperature: float = 20.0
    swap: str = ""
    missing: str = ""
    b1: float = 1.0
    seed: int = 1
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "phantom",
        metavar="PHANTOM",
        help="acr_large, or spheres or tubes as nist_system, qiba_diffusion",
    )
    parser.add_argument("output", type=Path, metavar="FOLDER", help="where to write DICOM")

    def group(title: str) -> Any:
        chosen = parser.add_argument_group(title)

        def option(name: str, kind: Callable[[str], Any], default: Any, text: str) -> None:
            shown = f"{text}; default: %(default)s"
            metavar = {int: "N", finite: "X", str: "TEXT"}[kind]
            chosen.add_argument(name, type=kind, default=default, metavar=metavar, help=shown)

        return option

    placed = group("phantom and its placement")
    placed("--variant", str, "plate", "grid or plate")
    placed("--displacement", finite, 0.0, "slices too far towards slice 11 [mm]")
    placed("--rotation", finite, 0.0, "turn in the image, clockwise [degree]")
    placed("--tilt", str, "0,0", "slope of the axis along x,y [degree]")
    placed("--offset", str, "0,0", "off center to the right,down [mm]")
    placed("--bubble", finite, 0.0, "half arc of an air bubble at the top [degree]")
    filled = group("spheres or tubes: contents and series")
    filled("--kind", str, "session", "session (all of a quality control) or one of ir, mse, pd, "
           "vfa, volume, dwi")  # fmt: skip
    filled("--serial", str, None, "serial number, for its batch's certificates (else the last)")
    filled("--field", finite, 3.0, "field strength [T]")
    filled("--temperature", finite, 20.0, "true temperature [°C]")
    filled("--swap", str, "", "inserts in each other's place: A,B;C,D")
    filled("--missing", str, "", "inserts or landmarks that are not there: A,B")
    filled("--b1", finite, 1.0, "true over nominal flip angle")
    scanner = group("scanner and its faults")
    scanner("--snr", finite, 150.0, "bath over noise SD")
    scanner("--coils", int, 1, "receive coils, summed by squares")
    scanner("--thickness", finite, 5.0, "true slice thickness [mm]")
    scanner("--gradient-error", str, "0,0,0", "scale error along x,y,z [%%]")
    scanner("--shading", finite, 4.0, "receive shading: loss of PIU [%%]")
    scanner("--ghost", finite, 0.0, "amplitude of a ghost over the image")
    scanner("--seed", int, 1, "seed of the noise")
    out = parser.add_argument_group("what is written")
    out.add_argument(
        "--style",
        choices=("siemens", "ge", "philips"),
        default="siemens",
        help="whose headers and scaling; default: %(default)s",
    )
    out.add_argument("--enhanced", action="store_true", help="enhanced multi-frame objects")
    json_option(out, SCHEMA)


def command(options: Options) -> int:
    """Write a T1 series and a localizer."""
    payload = write(options)
    files = payload["files"]
    if options.json is not None:
        write_json(payload, options.json)
    if options.json != "-":
        count = sum(len(paths) for paths in files.values())
        say(f"{count} files written to {options.output.resolve()} ({', '.join(files)})")
    return status.PASS


def write(options: Options) -> dict[str, Any]:
    """Simulate and write; return `qiqa.simulate/1`: specification, files by series, truth.

    Raises
    ------
    UsageError
        For a value that cannot be simulated.
    OutputError
        If the files cannot be written.
    """
    import numpy as np

    from qiqa.io.definitions import load_phantom, names
    from qiqa.io.write_dicom import write_exam
    from qiqa.simulate.acr_large import simulate_exam

    known = (*names("phantoms"),)
    if options.phantom not in known and not options.phantom.endswith(".toml"):
        raise UsageError(
            f"{options.phantom!r} cannot be simulated; there is {', '.join(known)}",
            where="PHANTOM",
        )
    if options.seed < 0:
        raise UsageError(f"{options.seed} is below 0", where="--seed")
    phantom = load_phantom(options.phantom)
    if isinstance(phantom, Arrangement):
        _refuse_given(options, _CYLINDER_ONLY)
        return _write_arrangement(options, phantom)
    if not isinstance(phantom, CylinderPhantom) or phantom.id != "acr_large":
        raise UsageError(f"{options.phantom!r} cannot be simulated", where="PHANTOM")
    _refuse_given(options, _ARRANGEMENT_ONLY)
    spec = _spec(options)
    if options.variant not in phantom.variants:
        allowed = " or ".join(phantom.variants)
        raise UsageError(f"{options.variant!r} is not {allowed}", where="--variant")
    with progress() as tell:
        tell("simulating")
        exam = simulate_exam(phantom, spec, np.random.default_rng(options.seed))
        tell("writing DICOM")
        written = write_exam(
            exam.named, options.output, style=options.style, enhanced=options.enhanced
        )
    return {
        "schema": SCHEMA,
        "phantom": phantom.id,
        "seed": options.seed,
        "specification": plain(spec),
        "files": {role: [str(path) for path in paths] for role, paths in written.items()},
        "truth": _listed(exam.truth),
    }


_CYLINDER_ONLY = ("variant", "thickness", "displacement", "shading", "bubble")
_ARRANGEMENT_ONLY = ("kind", "serial", "field", "temperature", "swap", "missing", "b1")


def _refuse_given(options: Options, others: tuple[str, ...]) -> None:
    """Raise UsageError where an option is set that this phantom would leave unused."""
    for field in dataclasses.fields(options):
        if field.name in others and getattr(options, field.name) != field.default:
            raise UsageError(
                f"has no meaning for {options.phantom}", where=f"--{field.name.replace('_', '-')}"
            )


def _write_arrangement(options: Options, phantom: Arrangement) -> dict[str, Any]:
    """Simulate and write spheres or tubes; specification and truth are by kind of series."""
    from qiqa.cli.simulate_arrangement import listed, simulated
    from qiqa.io.write_dicom import write_exam

    with progress() as tell:
        tell("simulating")
        named, asked, truths = simulated(options, phantom)
        tell("writing DICOM")
        written = write_exam(named, options.output, style=options.style, enhanced=options.enhanced)
    return {
        "schema": SCHEMA,
        "phantom": phantom.id,
        "seed": options.seed,
        "specification": {kind: plain(spec) for kind, spec in asked.items()},
        "files": {role: [str(path) for path in paths] for role, paths in written.items()},
        "truth": {kind: plain(listed(truth)) for kind, truth in truths.items()},
    }


def _listed(truth: Truth) -> dict[str, Any]:
    """Return the truth with its arrays as lists."""
    fields = ((f.name, getattr(truth, f.name)) for f in dataclasses.fields(truth))
    return {
        name: plain(value.tolist() if hasattr(value, "tolist") else value) for name, value in fields
    }


def _spec(options: Options) -> AcrSpec:
    from qiqa.simulate.spec import AcrSpec

    tilt = numbers(options.tilt, 2, "--tilt", "0.5,-1")
    offset = numbers(options.offset, 2, "--offset", "-3,2")
    gradient = numbers(options.gradient_error, 3, "--gradient-error", "0.3,-0.2,0.1")
    return AcrSpec(
        variant=options.variant,
        snr=options.snr,
        n_coils=options.coils,
        thickness_mm=options.thickness,
        displacement_mm=options.displacement,
        rotation_deg=options.rotation,
        tilt_deg=(tilt[0], tilt[1]),
        center_offset_mm=(offset[0], offset[1]),
        gradient_error_percent=(gradient[0], gradient[1], gradient[2]),
        shading_percent=options.shading,
        ghost_fraction=options.ghost,
        bubble_deg=options.bubble,
    )
