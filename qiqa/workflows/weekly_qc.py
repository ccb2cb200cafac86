"""Weekly QC: from the files of one exam of a phantom to a judged result."""

from __future__ import annotations

import dataclasses
import datetime as dt
import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from qiqa.assess import assess, unanswered
from qiqa.core.contents import Contents
from qiqa.core.errors import ExamError, LocateError, QiqaError, ReadError
from qiqa.core.exam import Exam, group_exams
from qiqa.core.finding import Finding, Severity
from qiqa.core.measurement import Assessment, Measurement
from qiqa.core.phantom import Phantom
from qiqa.core.pose import Override
from qiqa.core.protocol import Protocol
from qiqa.core.result import ExamSeries, Provenance, QcResult
from qiqa.core.series import Series, SeriesHeader, SourceFile
from qiqa.io.loading import load
from qiqa.io.reading import read
from qiqa.locate import locate
from qiqa.measure import View, measure
from qiqa.measure.outcome import Outcome
from qiqa.workflows.entries import check_entries, entered_measurements
from qiqa.workflows.roles import deviations, role_of, volume_of

__all__ = ["QcRequest", "choose_exam", "run_qc"]

Progress = Callable[[str], None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class QcRequest:
    """What to do; everything but paths, phantom and protocol has a default."""

    paths: tuple[Path, ...]
    phantom: Phantom
    protocol: Protocol
    exam: int | None = None
    """Which of several exams in the paths, from 1."""
    scanner_name: str | None = None
    """Identity of the scanner where the headers do not say it."""
    date: dt.datetime | None = None
    override: Override = Override()
    entries: Mapping[str, object] = dataclasses.field(default_factory=dict)
    entries_from: str = "entries"
    """Where the entries came from, for messages."""


@dataclasses.dataclass(eq=False)
class _Located:
    view: View
    deviations: tuple[str, ...]


def run_qc(
    request: QcRequest, *, now: dt.datetime, user: str, progress: Progress = lambda _: None
) -> QcResult:
    """Read, locate, measure and judge one exam.

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
    contents = read(list(request.paths))
    exam = choose_exam(contents, request)
    located, failed, findings, sources = _locate_all(exam, request, progress)
    if not located:
        reasons = "; ".join(dict.fromkeys(item.failure or "" for item in failed))
        raise LocateError(
            f"no series shows the {request.phantom.name}. {reasons}",
            hint="check that these are scans of this phantom; `qiqa index` lists what is there",
        )
    assessments, outcomes = _measure_all(located, entries, request, exam, progress)
    series = [_exam_series(item) for item in located] + failed
    return QcResult(
        phantom=request.phantom,
        protocol=request.protocol,
        scanner=dataclasses.replace(exam.scanner, given_name=request.scanner_name),
        acquired_at=request.date or exam.acquired_at,
        phantom_unit=entries.get("phantom_unit"),
        series=tuple(series),
        assessments=assessments,
        evidence=tuple(e for outcome in outcomes for e in outcome.evidence),
        findings=(
            *_relevant(contents.findings, exam),
            *findings,
            *(f for outcome in outcomes for f in outcome.findings),
            *_pose_findings(located),
            *_identity_findings(exam, request),
        ),
        entries=tuple(sorted(entries.items())),
        provenance=_provenance(request, sources, assessments, now, user),
    )


def choose_exam(contents: Contents, request: QcRequest) -> Exam:
    """Return the exam to judge.

    Raises
    ------
    ReadError
        If there are no images.
    ExamError
        If there are several exams and none was chosen, or copies that contradict each other.
    """
    where = ", ".join(str(path) for path in request.paths)
    if not contents.headers:
        ignored = f"; ignored: {'; '.join(contents.ignored)}" if contents.ignored else ""
        faults = "".join(f"\n  {f.where}: {f.message}" for f in contents.findings[:5])
        raise ReadError(
            f"no images among {contents.n_files} files{ignored}{faults}",
            where=where,
            hint="give the folder (or zip) that the scanner or PACS exported",
        )
    exams = group_exams([h for h in contents.headers if h.modality in ("MR", None)])
    if not exams:
        raise ExamError("the images are not MR", where=where)
    if request.exam is not None:
        if not 1 <= request.exam <= len(exams):
            raise ExamError(f"there is no exam {request.exam}: there are {len(exams)}", where=where)
        return exams[request.exam - 1]
    copies = [f for f in contents.findings if f.code == "conflicting_copies"]
    if copies:
        raise ExamError(
            copies[0].message,
            where=copies[0].where or where,
            hint=f"{copies[0].hint or ''}; or choose one with --exam:\n{_listing(exams)}",
        )
    if len(exams) > 1:
        raise ExamError(
            f"{len(exams)} exams are mixed here",
            where=where,
            hint=f"give one of them, or choose with --exam N:\n{_listing(exams)}",
        )
    return exams[0]


def _listing(exams: Sequence[Exam]) -> str:
    lines = []
    for number, exam in enumerate(exams, start=1):
        folder = str(Path(exam.headers[0].paths[0]).parent)
        lines.append(f"    --exam {number}: {exam.label} ({folder})")
    return "\n".join(lines)


def _locate_all(
    exam: Exam, request: QcRequest, progress: Progress
) -> tuple[list[_Located], list[ExamSeries], list[Finding], list[SourceFile]]:
    located: list[_Located] = []
    failed: list[ExamSeries] = []
    findings: list[Finding] = []
    sources: list[SourceFile] = []
    for header in exam.headers:
        if header.derived:
            continue
        name = header.description or header.series_uid
        progress(f"looking for the phantom in {name}")
        try:
            series = load(header)
            found = _locate_one(series, request)
        except QiqaError as error:
            failed.append(_failed_series(header, error))
            findings.append(_not_used(header, error))
            continue
        sources += series.sources
        located.append(found)
        if found.deviations:
            findings.append(_off_protocol(found))
    return located, failed, findings, sources


def _locate_one(series: Series, request: QcRequest) -> _Located:
    pose = locate(series, request.phantom, request.override)
    role, expected = role_of(series.header, pose.kind, request.protocol)
    volume = volume_of(series.header, expected)
    view = View(series, pose, request.phantom, role, volume)
    return _Located(view, deviations(series.header, expected, volume))


def _failed_series(header: SeriesHeader, error: QiqaError) -> ExamSeries:
    return ExamSeries(
        series_uid=header.series_uid,
        stack=header.key,
        role="other",
        description=header.description,
        acquisition=header.acquisition,
        shape=header.shape,
        voxel_size_mm=header.voxel_size_mm,
        deviations=(),
        pose=None,
        failure=error.message,
    )


def _not_used(header: SeriesHeader, error: QiqaError) -> Finding:
    located = isinstance(error, LocateError)
    return Finding(
        code="phantom_not_found" if located else "series_not_loaded",
        severity=Severity.WARNING if located else Severity.ERROR,
        message=error.message,
        where=header.description or header.series_uid,
        hint=error.hint,
        series_uid=header.series_uid,
    )


def _off_protocol(item: _Located) -> Finding:
    header = item.view.series.header
    return Finding(
        code="off_protocol",
        severity=Severity.WARNING,
        message=f"{item.view.role} departs from the protocol: {'; '.join(item.deviations)}",
        where=header.description or header.series_uid,
        hint="geometry is judged all the same; uniformity and ghosting are recorded, not judged",
        series_uid=header.series_uid,
    )


def _measure_all(
    located: list[_Located],
    entries: Mapping[str, str],
    request: QcRequest,
    exam: Exam,
    progress: Progress,
) -> tuple[tuple[Assessment, ...], list[Outcome]]:
    views = tuple(item.view for item in located)
    field_t = exam.scanner.field_strength_t
    assessments: list[Assessment] = []
    outcomes: list[Outcome] = []
    for item in located:
        progress(f"measuring {item.view.role}")
        for outcome in measure(item.view, request.protocol.measured, views):
            outcomes.append(outcome)
            assessments += [
                assess(m, request.protocol, field_t, item.deviations) for m in outcome.measurements
            ]
    read_by_eye = entered_measurements(request.protocol, entries)
    assessments += [assess(m, request.protocol, field_t) for m in read_by_eye]
    measured: tuple[Measurement, ...] = tuple(a.measurement for a in assessments)
    assessments += unanswered(request.protocol, measured)
    return tuple(assessments), outcomes


def _exam_series(item: _Located) -> ExamSeries:
    header = item.view.series.header
    return ExamSeries(
        series_uid=header.series_uid,
        stack=header.key,
        role=item.view.role,
        description=header.description,
        acquisition=header.acquisition,
        shape=header.shape,
        voxel_size_mm=header.voxel_size_mm,
        deviations=item.deviations,
        pose=item.view.pose,
    )


def _relevant(findings: tuple[Finding, ...], exam: Exam) -> tuple[Finding, ...]:
    uids = {header.series_uid for header in exam.headers}
    return tuple(f for f in findings if f.series_uid is None or f.series_uid in uids)


def _pose_findings(located: list[_Located]) -> list[Finding]:
    findings = []
    for item in located:
        pose = item.view.pose
        name = item.view.series.header.description or item.view.role
        if pose.mirrored:
            findings.append(
                Finding(
                    code="mirrored",
                    severity=Severity.WARNING,
                    message="the images show the phantom's mirror image in scanner coordinates",
                    where=name,
                    hint="check the patient position entered and the export for a flip",
                    series_uid=item.view.series.header.series_uid,
                )
            )
        if pose.overrides:
            findings.append(
                Finding(
                    code="override",
                    severity=Severity.INFO,
                    message=f"set by hand: {', '.join(pose.overrides)}",
                    where=name,
                    series_uid=item.view.series.header.series_uid,
                )
            )
    return findings


def _identity_findings(exam: Exam, request: QcRequest) -> list[Finding]:
    missing = []
    if exam.scanner.identity is None and request.scanner_name is None:
        missing.append("scanner (--scanner NAME)")
    if exam.acquired_at is None and request.date is None:
        missing.append("date (--date YYYY-MM-DD)")
    if not missing:
        return []
    return [
        Finding(
            code="identity_unknown",
            severity=Severity.WARNING,
            message=f"the headers do not say: {' and '.join(missing)}; these values share no chart",
            hint="give them on the command line",
        )
    ]


def _provenance(
    request: QcRequest,
    sources: list[SourceFile],
    assessments: tuple[Assessment, ...],
    now: dt.datetime,
    user: str,
) -> Provenance:
    algorithms = {a.measurement.algorithm for a in assessments if a.measurement.algorithm}
    parameters = {name: str(getattr(request.override, name)) for name in request.override.given}
    versions = tuple(
        (name, importlib.metadata.version(name) if name != "qiqa" else _own_version())
        for name in ("qiqa", "numpy", "scipy", "pydicom")
    )
    definitions = tuple(
        SourceFile(path=Path(item.path).name, sha256=item.sha256)
        for item in (request.phantom, request.protocol)
    )
    return Provenance(
        inputs=tuple(sources),
        definitions=definitions,
        versions=versions,
        algorithms=tuple(sorted(algorithms)),
        parameters=tuple(sorted(parameters.items())),
        user=user,
        created_at=now,
    )


def _own_version() -> str:
    import qiqa

    return qiqa.__version__
