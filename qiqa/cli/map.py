"""`qiqa map`: from images to parameter maps."""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from qiqa.cli import status
from qiqa.cli.arguments import Parser, counted, finite, json_option
from qiqa.cli.console import progress, write_json

if TYPE_CHECKING:
    from qiqa.workflows.mapping import MapRequest

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

SCHEMA = "qiqa.map/1"
OPERANDS = "QUANTITY PATH ... -o FOLDER"
QUANTITIES = ("adc", "t1", "t2", "t2star", "b1")
DIRECTIONS = ("combined", "each", "trace", "tensor")
EPILOG = """
examples:
  qiqa map t1 export/inversion_recovery -o maps
  qiqa map adc dwi.zip -o maps --mask vials.nii.gz
  qiqa map t1 vfa/ -o maps --b1 TB1map.nii.gz

The model follows from the acquisition and is said in words; --model overrules. Maps are written
as a BIDS derivative data set with standard errors, residual and a status for every voxel.

exit status: 0 done, 1 could not do it, 2 wrong usage, 130 interrupted
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    quantity: str
    paths: list[Path]
    output: Path
    model: str | None = None
    series: int | None = None
    mask: Path | None = None
    b1: Path | None = None
    noise_sd: Literal["estimate"] | float | None = "estimate"
    directions: str | None = None
    covariance: bool = False
    threads: int | None = None
    json: str | None = None
    no_report: bool = False
    overwrite: bool = False


def arguments(parser: Parser) -> None:
    """Declare the options."""
    parser.add_argument(
        "quantity", choices=QUANTITIES, metavar="QUANTITY", help=", ".join(QUANTITIES)
    )
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="folders, files or zip archives: DICOM, or NIfTI with sidecars",
    )
    what = parser.add_argument_group("what is fitted")
    what.add_argument(
        "--series", type=counted, metavar="N", help="which series, where several would do"
    )
    what.add_argument(
        "--model", metavar="NAME", help="model by name; default: the one that fits the acquisition"
    )
    what.add_argument(
        "--mask", type=Path, metavar="FILE", help="NIfTI on the images' grid; fits what is not 0"
    )
    what.add_argument(
        "--b1",
        type=Path,
        metavar="FILE",
        help="NIfTI of the relative flip angle on the images' grid, for t1_vfa and t2_epg",
    )
    what.add_argument(
        "--noise-sd",
        type=_noise,
        default="estimate",
        metavar="SD",
        help="noise SD in signal units for the noise floor; estimate (default), or none: not "
        "judged",
    )
    what.add_argument(
        "--directions",
        choices=DIRECTIONS,
        metavar="HOW",
        help=f"diffusion directions: {', '.join(DIRECTIONS)}; default: trace where there are "
        "several, else combined",
    )
    out = parser.add_argument_group("what is written")
    out.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="BIDS derivative data set; made if it does not exist",
    )
    json_option(out, SCHEMA)
    out.add_argument("--no-report", action="store_true", help="no HTML page")
    out.add_argument("--overwrite", action="store_true", help="replace maps of the same name")
    out.add_argument(
        "--covariance", action="store_true", help="also compute covariances of the parameters"
    )
    parser.add_argument(
        "--threads", type=counted, metavar="N", help="processors to use; default: all"
    )


def _noise(text: str) -> Literal["estimate"] | float | None:
    if text == "estimate":
        return "estimate"
    if text == "none":
        return None
    value = finite(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0; none leaves it away")
    return value


def command(options: Options) -> int:
    """Map, show and write; return the exit status."""
    from qiqa.cli.deliver import current_user
    from qiqa.cli.map_summary import payload, show
    from qiqa.workflows.mapping import run_map

    now = dt.datetime.now(dt.UTC)
    with progress() as tell:
        result = run_map(
            _request(options),
            now=now,
            user=current_user(),
            tell=tell,
            progress=_percents(tell),
        )
    show(result, to_error=options.json == "-")
    if options.json is not None:
        write_json(payload(result, SCHEMA), options.json)
    return status.PASS


def _request(options: Options) -> MapRequest:
    from qiqa.workflows.mapping import MapRequest

    return MapRequest(
        paths=tuple(options.paths),
        quantity=options.quantity,
        output=options.output,
        model=options.model,
        series=options.series,
        mask=options.mask,
        b1=options.b1,
        noise_sd=options.noise_sd,
        directions=options.directions,
        covariance=options.covariance,
        threads=options.threads,
        report=not options.no_report,
        overwrite=options.overwrite,
    )


def _percents(tell: Callable[[str], None]) -> Callable[[float], None]:
    """Return what shows a fraction, once a percent: a terminal is slower than a fit."""
    last = -1

    def show(fraction: float) -> None:
        nonlocal last
        now = int(100 * fraction)
        if now != last:
            last = now
            tell(f"fitting {now} %")

    return show
