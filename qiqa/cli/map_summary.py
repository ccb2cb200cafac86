"""What a mapping found: on the terminal, and as `qiqa.map/1`."""

from __future__ import annotations

from typing import Any

from qiqa.cli.console import one_line, say, tell_findings
from qiqa.cli.layout import Row, Section, table
from qiqa.core.canonical import plain
from qiqa.core.fit_evidence import FitEvidence, MapResult
from qiqa.core.maps import FitStatus
from qiqa.report.map_words import (
    STATUS_WORDS,
    amount,
    left_out,
    name_of,
    noise_words,
    percent,
    shown_unit,
    spread,
)

__all__ = ["payload", "show"]


def show(result: MapResult, *, to_error: bool = False) -> None:
    """Print what was fitted, why so, what came out, what did not, and where the files are."""
    header = result.header
    when = header.acquisition.acquired_at
    taken = f", {when:%Y-%m-%d %H:%M}" if when is not None else ""
    first = result.fits[0]
    lines = (
        ("series", f"{header.description or header.series_uid} ({header.scanner.label}{taken})"),
        ("why", result.why),
        ("model", f"{result.model}: {first.title}"),
        ("fit", f"{first.maps.method}; {noise_words(first)}"),
    )
    for label, words in lines:
        say(f"{label:9}{one_line(words)}", to_error=to_error)
    for item in result.fits:
        say(to_error=to_error)
        _show_fit(item, to_error=to_error)
    if result.findings:
        say(to_error=to_error)
        tell_findings(result.findings, to_error=to_error)
    say(to_error=to_error)
    _show_files(result, to_error=to_error)


def _show_fit(item: FitEvidence, *, to_error: bool) -> None:
    rows = tuple(
        Row(
            cells=(
                name_of(s.name),
                amount(s.median, s.unit),
                spread(s),
                shown_unit(s.unit)[1],
                amount(s.median_standard_error, s.unit, 2),
            )
        )
        for s in item.summaries
    )
    columns = ("parameter", "median", "5 % to 95 %", "unit", "median SE")
    section = Section(rows=rows, title=item.label)
    table(columns, [section], right=(1, 2, 4), to_error=to_error)
    say(to_error=to_error)
    counts = item.maps.counts()
    outside = counts.pop(FitStatus.OUTSIDE, 0)
    total = sum(counts.values())
    statuses = tuple(
        Row(
            cells=(status.words, f"{count:,}", percent(count, total)),
            remark=STATUS_WORDS[status],
        )
        for status, count in counts.items()
    )
    title = ("status", "voxels", "share")
    table(title, [Section(rows=statuses)], right=(1, 2), remark="meaning", to_error=to_error)
    if outside:
        say(f"{outside:,} voxels outside the mask were not fitted", to_error=to_error)
    for words in left_out(item.maps):
        say(f"left out {words}", to_error=to_error)


def _show_files(result: MapResult, *, to_error: bool) -> None:
    maps = [path for path in result.files if path.name.endswith(".nii.gz")]
    mains = [path for path in maps if "_desc-" not in path.name] or maps[:1]
    for path in mains:
        say(f"map      {path.resolve()}", to_error=to_error)
    more = len(maps) - len(mains)
    if more:
        words = "standard errors, further parameters, residual, points used, status"
        say(f"         and {more} more beside it: {words}", to_error=to_error)
    if result.report is not None:
        say(f"report   {result.report.resolve()}", to_error=to_error)
    seconds = sum(time for _, time in result.timing)
    steps = ", ".join(f"{step} {time:.2f}" for step, time in result.timing)
    say(f"time     {seconds:.2f} s ({steps})", to_error=to_error)


def payload(result: MapResult, schema: str) -> dict[str, Any]:
    """Return what `--json` writes."""
    header = result.header
    return {
        "schema": schema,
        "quantity": result.quantity,
        "input": {
            "series_uid": header.series_uid,
            "description": header.description,
            "scanner": plain(header.scanner),
            "acquired_at": plain(header.acquisition.acquired_at),
            "component": header.component,
            "derived": header.derived,
            "shape": list(header.shape),
            "voxel_size_mm": list(header.voxel_size_mm),
            "encoding": plain(header.encoding),
            "files": plain(list(result.provenance.inputs)),
        },
        "model": result.model,
        "why": result.why,
        "fits": [_fit(item) for item in result.fits],
        "findings": plain(list(result.findings)),
        "files": [str(path) for path in result.files],
        "report": None if result.report is None else str(result.report),
        "provenance": plain(result.provenance),
        "timing_s": dict(result.timing),
    }


def _fit(item: FitEvidence) -> dict[str, Any]:
    maps = item.maps
    return {
        "label": item.label,
        "title": item.title,
        "equation": item.equation,
        "method": maps.method,
        "algorithm": maps.algorithm,
        "parameters": plain(list(item.summaries)),
        "status": {status.words: count for status, count in maps.counts().items()},
        "noise_sd": plain(maps.noise_sd),
        "noise_source": maps.noise_source,
        "points": maps.n_points,
        "points_left_out": {
            "clipped": maps.n_clipped,
            "noise floor": maps.n_floor,
            "non finite": maps.n_non_finite,
        },
        "seconds": item.seconds,
    }
