"""`qiqa index`: what is behind some files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from qiqa.cli import status
from qiqa.cli.arguments import Parser, json_option, paths_argument
from qiqa.cli.console import one_line, progress, say, tell_findings, write_json
from qiqa.cli.layout import Row, Section, table
from qiqa.core.canonical import plain
from qiqa.core.contents import Contents
from qiqa.core.exam import Exam
from qiqa.core.series import SeriesHeader
from qiqa.workflows.choosing import exams_of, is_mr

__all__ = ["EPILOG", "OPERANDS", "Options", "arguments", "command"]

SCHEMA = "qiqa.index/1"
OPERANDS = "PATH ..."
EPILOG = """
example:
  qiqa index export.zip

The number of an exam is what qiqa qc --exam takes. Nothing is measured.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    paths: list[Path]
    json: str | None = None


def arguments(parser: Parser) -> None:
    """Declare the options."""
    paths_argument(parser)
    json_option(parser, SCHEMA)


def command(options: Options) -> int:
    """List exams, series and findings; status 1 where there is no image at all."""
    from qiqa.io import read

    with progress() as tell:
        tell("reading headers")
        contents = read(list(options.paths))
    exams = exams_of(contents)
    if options.json is not None:
        write_json(_payload(contents, exams), options.json)
    if options.json != "-":
        _show(contents, exams)
    return status.PASS if contents.headers else status.FAILED


def _show(contents: Contents, exams: tuple[Exam, ...]) -> None:
    columns = ("series", "images", "matrix", "voxel [mm]", "TR/TE [ms]", "encoding", "where")
    for number, exam in enumerate(exams, start=1):
        rows = tuple(Row(cells=_row(header)) for header in exam.headers)
        say(f"exam {number}: {one_line(exam.label)}", style="bold")
        table(columns, [Section(rows=rows)])
        say()
    others = tuple(Row(cells=_row(h)) for h in contents.headers if not is_mr(h))
    if others:
        say("not MR:", style="bold")
        table(columns, [Section(rows=others)])
        say()
    say(
        f"{contents.n_files} files: {contents.n_images} images in {len(contents.headers)} series, "
        f"{contents.n_ignored} ignored, {contents.n_unreadable} unreadable"
    )
    for text in contents.ignored:
        say(f"   ignored: {one_line(text)}")
    tell_findings(contents.findings)


def _row(header: SeriesHeader) -> tuple[str, ...]:
    a = header.acquisition
    ni, nj, nk, n = header.shape
    images = f"{nk}" if n == 1 else f"{nk} x {n}"
    size = " x ".join(f"{v:.3g}" for v in header.voxel_size_mm)
    times = f"{_number(a.tr_ms)}/{_number(a.te_ms)}"
    encoding = "" if header.encoding.name == "none" else header.encoding.name
    name = (header.description or header.series_uid) + (" (derived)" if header.derived else "")
    return name, images, f"{ni} x {nj}", size, times, encoding, str(Path(header.paths[0]).parent)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _payload(contents: Contents, exams: tuple[Exam, ...]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "exams": [
            {
                "label": exam.label,
                "scanner": plain(exam.scanner),
                "acquired_at": plain(exam.acquired_at),
                "series": [_series(header) for header in exam.headers],
            }
            for exam in exams
        ],
        "findings": plain(list(contents.findings)),
        "n_files": contents.n_files,
        "n_images": contents.n_images,
        "n_ignored": contents.n_ignored,
        "n_unreadable": contents.n_unreadable,
        "ignored": list(contents.ignored),
    }


def _series(header: SeriesHeader) -> dict[str, Any]:
    return {
        "series_uid": header.series_uid,
        "study_uid": header.study_uid,
        "description": header.description,
        "modality": header.modality,
        "derived": header.derived,
        "dialect": header.dialect,
        "shape": list(header.shape),
        "voxel_size_mm": list(header.voxel_size_mm),
        "affine": header.affine.tolist(),
        "slice_positions_mm": list(header.slice_positions_mm),
        "encoding": plain(header.encoding),
        "acquisition": plain(header.acquisition),
        "paths": list(header.paths),
    }
