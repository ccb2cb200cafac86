"""`qiqa index`: what is behind some files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qiqa.cli import status
from qiqa.cli.console import progress, say, table, tell_findings, write_json
from qiqa.core.canonical import plain
from qiqa.core.contents import Contents
from qiqa.core.exam import Exam, group_exams
from qiqa.core.series import SeriesHeader

__all__ = ["command"]

SCHEMA = "qiqa.index/1"


def command(paths: tuple[Path, ...], json: str | None) -> int:
    """List exams, series and findings; status 1 where there is no image at all."""
    from qiqa.io import read

    with progress() as tell:
        tell("reading headers")
        contents = read(list(paths))
    exams = group_exams(contents.headers)
    if json is not None:
        write_json(_payload(contents, exams), json)
    if json != "-":
        _show(contents, exams)
    return status.PASS if contents.headers else status.FAILED


def _show(contents: Contents, exams: tuple[Exam, ...]) -> None:
    for number, exam in enumerate(exams, start=1):
        say(f"exam {number}: {exam.label}")
        table(
            ("series", "images", "matrix", "voxel [mm]", "TR/TE [ms]", "encoding", "where"),
            [_row(header) for header in exam.headers],
        )
        say()
    say(
        f"{contents.n_files} files: {contents.n_images} images in {len(contents.headers)} series, "
        f"{contents.n_ignored} ignored, {contents.n_unreadable} unreadable"
    )
    for text in contents.ignored:
        say(f"   ignored: {text}")
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
