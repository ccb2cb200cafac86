"""Weekly QC: from the files of one exam of a phantom to a judged result."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.metadata
from collections.abc import Callable, Mapping
from pathlib import Path

from qiqa import __version__
from qiqa.assess import assess, reopened, unanswered
from qiqa.core.arrangement import Arrangement
from qiqa.core.contents import Contents
from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import LocateError, UsageError
from qiqa.core.exam import Exam
from qiqa.core.measurement import Assessment
from qiqa.core.phantom import Phantom
from qiqa.core.pose import Override
from qiqa.core.protocol import Protocol
from qiqa.core.result import Provenance, QcResult
from qiqa.core.series import SourceFile
from qiqa.io.reading import read
from qiqa.measure import Outcome, StackView, measure
from qiqa.workflows.choosing import choose_exam
from qiqa.workflows.entries import check_entries, entered_faults, entered_measurements
from qiqa.workflows.locating import Located, locate_all
from qiqa.workflows.mapping_inserts import conditions_of, locate_inserts
from qiqa.workflows.moved import moved
from qiqa.workflows.noticed import about_files, about_identity

__all__ = ["QcRequest", "run_qc"]

Progress = Callable[[str], None]

_SHOWN = 5
"""How many reasons for not finding the phantom an error repeats."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class QcRequest:
    """What to do; everything but paths, phantom and protocol has a default."""

    paths: tuple[Path, ...]
    phantom: Phantom
    protocol: Protocol
    contents: Contents | None = None
    """What the paths hold, where they were read before."""
    exam: int | None = None
    """Which of several exams in the paths, from 1."""
    scanner_name: str | None = None
    """Identity of the scanner where the headers do not say it."""
    date: dt.datetime | None = None
    """Wall-clock time of the exam where the headers do not say it."""
    override: Override = Override()
    entries: Mapping[str, object] = dataclasses.field(default_factory=dict)
    entries_from: str = "entries"
    """Where the entries came from, for messages."""


def run_qc(
    request: QcRequest, *, now: dt.datetime, user: str, progress: Progress = lambda _: None
) -> QcResult:
    """Read, locate, measure and judge one exam.

    Parameters
    ----------
    request
        What to do.
    now
        Time of the run, with time zone.
    user
        Who runs it.
    progress
        Is told in words what is being done.

    Raises
    ------
    ReadError
        If the paths hold no images.
    ExamError
        If they hold several exams or conflicting copies.
    LocateError
        If no series shows the phantom.
    UsageError
        If an entry is wrong.
    """
    entries = check_entries(request.protocol, request.entries, request.entries_from)
    progress("reading headers")
    contents = request.contents or read(list(request.paths))
    exam = choose_exam(contents, request.paths, request.exam)
    located = _locate(exam, request, entries, progress)
    if not located.found:
        raise _nowhere(located, request)
    views = tuple(item.view for item in located.found)
    assessments, outcomes = _measure_all(located, entries, request, exam, progress)
    return QcResult(
        phantom=request.phantom,
        protocol=request.protocol,
        scanner=dataclasses.replace(exam.scanner, given_name=request.scanner_name),
        acquired_at=request.date or exam.acquired_at,
        phantom_unit=entries.get("phantom_unit"),
        series=located.series,
        assessments=assessments,
        evidence=tuple(e for outcome in outcomes for e in outcome.evidence),
        findings=(
            *about_files(contents.findings, exam),
            *located.findings,
            *moved(tuple(v for v in views if isinstance(v, StackView))),
            *(f for outcome in outcomes for f in outcome.findings),
            *entered_faults(request.protocol, entries),
            *about_identity(exam, request.scanner_name, request.date),
        ),
        entries=tuple(sorted(entries.items())),
        provenance=_provenance(
            request, located.sources, assessments, entries.get("phantom_unit"), now, user
        ),
    )


def _locate(
    exam: Exam, request: QcRequest, entries: Mapping[str, str], progress: Progress
) -> Located:
    """Find the phantom, each family in its way."""
    phantom, protocol = request.phantom, request.protocol
    if isinstance(phantom, Arrangement):
        conditions = conditions_of(protocol, entries, exam.scanner.field_strength_t)
        return locate_inserts(exam, phantom, protocol, conditions, progress)
    if isinstance(phantom, CylinderPhantom):
        return locate_all(exam, phantom, protocol, request.override, progress)
    raise UsageError(f"{phantom.id!r} is of a family that cannot be measured", where="phantom")


def _nowhere(located: Located, request: QcRequest) -> LocateError:
    """Return the error that says, series by series, what was seen instead."""
    phantom = request.phantom.name
    by_reason: dict[str, list[str]] = {}
    for series in located.failed:
        reason = (series.failure or "").removeprefix(f"{phantom} not found: ")
        by_reason.setdefault(reason, []).append(series.description or series.series_uid)
    lines = [
        f"\n  {names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {reason}"
        for reason, names in list(by_reason.items())[:_SHOWN]
    ]
    if len(by_reason) > _SHOWN:
        lines.append(f"\n  and {len(by_reason) - _SHOWN} more series")
    text = "".join(lines) or "; all images are maps computed by the scanner"
    hint = "check that these are scans of this phantom; qiqa index lists what is there"
    if request.override.given:
        hint = f"leave away what was set by hand ({', '.join(request.override.given)}), or {hint}"
    return LocateError(
        f"no series shows the {phantom}{text}",
        where=", ".join(str(path) for path in request.paths),
        hint=hint,
    )


def _measure_all(
    located: Located,
    entries: Mapping[str, str],
    request: QcRequest,
    exam: Exam,
    progress: Progress,
) -> tuple[tuple[Assessment, ...], list[Outcome]]:
    protocol, field_t = request.protocol, exam.scanner.field_strength_t
    views = tuple(item.view for item in located.found)
    assessments: list[Assessment] = []
    outcomes: list[Outcome] = []
    order = [series.role for series in protocol.series]
    in_order = sorted(
        located.found,
        key=lambda i: order.index(i.view.role) if i.view.role in order else len(order),
    )
    for item in in_order:
        progress(f"measuring {item.view.role}")
        for outcome in measure(item.view, protocol.measured, views):
            outcomes.append(outcome)
            assessments += [
                assess(m, protocol, field_t, item.deviations) for m in outcome.measurements
            ]
    assessments = list(reopened(protocol, tuple(assessments)))
    for reading in entered_measurements(protocol, entries):
        on = next((i for i in located.found if i.view.role == reading.role), None)
        if on is None:
            assessments.append(assess(reading, protocol, field_t))
            continue
        header = on.view.series.header
        placed = dataclasses.replace(reading, series_uid=header.series_uid, stack=header.key)
        assessments.append(assess(placed, protocol, field_t, on.deviations))
    measured = tuple(item.measurement for item in assessments)
    not_found = tuple(item.description or item.series_uid for item in located.failed)
    assessments += unanswered(protocol, measured, not_found)
    return tuple(assessments), outcomes


def _provenance(
    request: QcRequest,
    sources: tuple[SourceFile, ...],
    assessments: tuple[Assessment, ...],
    unit: str | None,
    now: dt.datetime,
    user: str,
) -> Provenance:
    algorithms = {a.measurement.algorithm for a in assessments if a.measurement.algorithm}
    parameters = {name: str(getattr(request.override, name)) for name in request.override.given}
    if request.scanner_name is not None:
        parameters["scanner"] = request.scanner_name
    if request.date is not None:
        parameters["date"] = request.date.isoformat()
    libraries = tuple((n, importlib.metadata.version(n)) for n in ("numpy", "scipy", "pydicom"))
    definitions = tuple(
        SourceFile(path=Path(path).name, sha256=sha256)
        for path, sha256 in (
            *request.phantom.files(unit),
            (request.protocol.path, request.protocol.sha256),
        )
    )
    return Provenance(
        inputs=sources,
        definitions=definitions,
        versions=(("qiqa", __version__), *libraries),
        algorithms=tuple(sorted(algorithms)),
        parameters=tuple(sorted(parameters.items())),
        user=user,
        created_at=now,
    )
