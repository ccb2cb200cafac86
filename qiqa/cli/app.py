"""The commands, their options and help; each does its work in a module of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from qiqa import __version__
from qiqa.cli import status
from qiqa.core.errors import QiqaError

__all__ = ["app", "run"]

app = typer.Typer(
    name="qiqa",
    help="Phantom scans in, measurements with unit, uncertainty and verdict out.\n\n"
    "Start with: qiqa demo. Not a medical device.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run() -> None:
    """Run the command line; every foreseen error becomes one clear message."""
    for stream in (sys.stdout, sys.stderr):
        # a console of another code page must not take the result down: unknown signs become ?
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        code = app(standalone_mode=False)
    except QiqaError as error:
        from qiqa.cli.console import complain

        complain(error)
        sys.exit(status.FAILED)
    except KeyboardInterrupt:
        print("interrupted; nothing half done was kept", file=sys.stderr)
        sys.exit(status.INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the parser keeps its errors to itself; others go on
        sys.exit(_usage(error))
    sys.exit(code if isinstance(code, int) else status.PASS)


def _usage(error: Exception) -> int:
    """Show what the command-line parser found wrong; anything else goes on as it is."""
    show = getattr(error, "show", None)
    if show is None:
        if type(error).__name__ == "Abort":
            print("aborted", file=sys.stderr)
            return status.INTERRUPTED
        raise error
    show()
    return status.USAGE


def _version(wanted: bool) -> None:
    if wanted:
        print(f"qiqa {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Phantom scans in, measurements with unit, uncertainty and verdict out."""


Paths = Annotated[
    list[Path],
    typer.Argument(help="Folders, files or zip archives, any file names.", metavar="PATH..."),
]
Store = Annotated[
    str | None,
    typer.Option(
        help="History: file or database URL. Default: QIQA_STORE, else in your data folder.",
        metavar="URL",
    ),
]
Json = Annotated[
    str | None,
    typer.Option("--json", help="Write JSON to a file, - for standard output.", metavar="FILE"),
]


@app.command()
def qc(
    paths: Paths,
    protocol: Annotated[
        str, typer.Option(help="Protocol by name or TOML file.")
    ] = "acr_large_2022",
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            "-o",
            help="HTML report. Default: qiqa-report/ in this folder.",
            metavar="FILE",
        ),
    ] = None,
    json: Json = None,
    store: Store = None,
    no_store: Annotated[bool, typer.Option("--no-store", help="Do not keep the result.")] = False,
    enter: Annotated[
        Path | None,
        typer.Option(
            help="TOML or JSON file with what a person enters (qiqa protocols --entries).",
            metavar="FILE",
        ),
    ] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for entries on this terminal.")] = False,
    exam: Annotated[int | None, typer.Option(help="Which exam, where several are found.")] = None,
    scanner: Annotated[
        str | None, typer.Option(help="Scanner, where the headers do not say.")
    ] = None,
    date: Annotated[
        str | None, typer.Option(help="Date (YYYY-MM-DD), where the headers do not say.")
    ] = None,
    first_slice: Annotated[
        int | None,
        typer.Option(
            "--slice", help="Which image of the stack, from 1, is slice 1 of the phantom."
        ),
    ] = None,
    angle: Annotated[
        float | None, typer.Option(help="Turn of the phantom, degrees clockwise.")
    ] = None,
    center: Annotated[
        str | None,
        typer.Option(help="Axis of the phantom on the first image: column,row.", metavar="C,R"),
    ] = None,
    reverse: Annotated[
        bool | None, typer.Option("--reversed/--not-reversed", help="Slice 11 comes first.")
    ] = None,
    phantom_unit: Annotated[str | None, typer.Option(help="Serial number of the phantom.")] = None,
    reason: Annotated[
        str | None, typer.Option(help="Why this result replaces an earlier one of the same exam.")
    ] = None,
) -> int:
    """Run the QC of one phantom exam: measure, judge, report, keep.

    Example: qiqa qc export/monday --store qc.db

    Exit status: 0 pass, 3 tolerance, 4 action, 5 not evaluated, 1 could not do it, 2 wrong usage.
    """
    from qiqa.cli.qc import QcOptions, command

    return command(
        QcOptions(
            paths=tuple(paths),
            protocol=protocol,
            report=report,
            json=json,
            store=store,
            keep=not no_store,
            enter=enter,
            ask=ask,
            exam=exam,
            scanner=scanner,
            date=date,
            first_slice=first_slice,
            angle_deg=angle,
            center=center,
            reversed_order=reverse,
            phantom_unit=phantom_unit,
            reason=reason,
        )
    )


@app.command()
def index(paths: Paths, json: Json = None) -> int:
    """List the series and exams behind files, and what is wrong with them.

    Example: qiqa index export.zip
    """
    from qiqa.cli.index import command

    return command(tuple(paths), json)


@app.command()
def demo(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder. Default: in your data folder.")
    ] = None,
    json: Json = None,
) -> int:
    """Simulate an exam as DICOM and run the whole QC on it; needs no data and no network.

    Example: qiqa demo
    """
    from qiqa.cli.demo import command

    return command(output, json)


@app.command()
def history(
    store: Store = None,
    name: Annotated[str | None, typer.Option(help="One measurement, for instance piu.")] = None,
    scanner: Annotated[str | None, typer.Option(help="One scanner.")] = None,
    since: Annotated[str | None, typer.Option(help="From this date on (YYYY-MM-DD).")] = None,
    exam: Annotated[int | None, typer.Option(help="All rows of one exam.")] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Write rows to a .csv, .json or .parquet file.", metavar="FILE"),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Check that nothing stored was altered.")
    ] = False,
    all_results: Annotated[bool, typer.Option("--all", help="Superseded results too.")] = False,
    json: Json = None,
) -> int:
    """List, export and verify what was kept.

    Example: qiqa history --name piu --export piu.csv
    """
    from qiqa.cli.history import HistoryOptions, command

    return command(
        HistoryOptions(
            store=store,
            name=name,
            scanner=scanner,
            since=since,
            exam=exam,
            export=export,
            verify=verify,
            all_results=all_results,
            json=json,
        )
    )


@app.command()
def simulate(
    phantom: Annotated[str, typer.Argument(help="acr_large.")],
    output: Annotated[Path, typer.Argument(help="Folder to write DICOM into.")],
    variant: Annotated[str, typer.Option(help="grid or plate.")] = "plate",
    style: Annotated[str, typer.Option(help="siemens, ge or philips.")] = "siemens",
    enhanced: Annotated[
        bool, typer.Option("--enhanced", help="Enhanced multi-frame objects.")
    ] = False,
    snr: Annotated[float, typer.Option(help="Bath over noise SD.")] = 150.0,
    coils: Annotated[int, typer.Option(help="Receive coils, summed by squares.")] = 1,
    thickness: Annotated[float, typer.Option(help="True slice thickness [mm].")] = 5.0,
    displacement: Annotated[
        float, typer.Option(help="Slices too far towards slice 11 [mm].")
    ] = 0.0,
    rotation: Annotated[float, typer.Option(help="Turn in the image, clockwise [degree].")] = 0.0,
    tilt: Annotated[str, typer.Option(help="Slope of the axis along x,y [degree].")] = "0,0",
    offset: Annotated[str, typer.Option(help="Off center to the right,down [mm].")] = "0,0",
    gradient_error: Annotated[str, typer.Option(help="Scale error along x,y,z [%].")] = "0,0,0",
    shading: Annotated[float, typer.Option(help="Receive shading: loss of PIU [%].")] = 4.0,
    ghost: Annotated[float, typer.Option(help="Amplitude of a ghost over the image.")] = 0.0,
    bubble: Annotated[
        float, typer.Option(help="Half arc of an air bubble at the top [degree].")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 1,
) -> int:
    """Simulate an exam of a phantom, formed in k-space, as DICOM.

    Example: qiqa simulate acr_large out --style ge --snr 60 --thickness 5.6
    """
    from qiqa.cli.simulate import SimulateOptions, command

    return command(
        SimulateOptions(
            phantom=phantom,
            output=output,
            variant=variant,
            style=style,
            enhanced=enhanced,
            snr=snr,
            coils=coils,
            thickness_mm=thickness,
            displacement_mm=displacement,
            rotation_deg=rotation,
            tilt_deg=tilt,
            offset_mm=offset,
            gradient_error_percent=gradient_error,
            shading_percent=shading,
            ghost_fraction=ghost,
            bubble_deg=bubble,
            seed=seed,
        )
    )


@app.command()
def phantoms(
    check: Annotated[
        Path | None, typer.Option(help="Check a phantom definition of your own.", metavar="FILE")
    ] = None,
    json: Json = None,
) -> int:
    """List the phantoms that qiqa knows, or check a definition.

    Example: qiqa phantoms --check my_phantom.toml
    """
    from qiqa.cli.definitions import phantoms as command

    return command(check, json)


@app.command()
def protocols(
    check: Annotated[
        Path | None, typer.Option(help="Check a protocol definition of your own.", metavar="FILE")
    ] = None,
    entries: Annotated[
        str | None,
        typer.Option(help="Print an empty entry file for this protocol.", metavar="PROTOCOL"),
    ] = None,
    json: Json = None,
) -> int:
    """List the protocols that qiqa knows, check one, or print its entry file.

    Example: qiqa protocols --entries acr_large_2022 > monday.toml
    """
    from qiqa.cli.definitions import protocols as command

    return command(check, entries, json)
