"""What a person should know about the series, the poses and the identity of an exam."""

from __future__ import annotations

import datetime as dt

from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.exam import Exam
from qiqa.core.finding import Finding, Severity
from qiqa.core.pose import PhantomPose

__all__ = ["about_files", "about_identity", "about_pose", "off_protocol"]


def about_files(findings: tuple[Finding, ...], exam: Exam) -> tuple[Finding, ...]:
    """Return what reading noticed, without what is about series of another exam."""
    uids = {header.series_uid for header in exam.headers}
    return tuple(f for f in findings if f.series_uid is None or f.series_uid in uids)


def off_protocol(role: str, deviations: tuple[str, ...], name: str, series_uid: str) -> Finding:
    """Return the finding on an acquisition that departs from the protocol."""
    if role == "other":
        return Finding(
            code="off_protocol",
            severity=Severity.WARNING,
            message="repetition and echo time fit no series of the protocol, or are not stated",
            where=name,
            hint="it is measured and recorded, not judged; NIfTI needs its JSON sidecar",
            series_uid=series_uid,
        )
    return Finding(
        code="off_protocol",
        severity=Severity.WARNING,
        message=f"{role} departs from the protocol: {'; '.join(deviations)}",
        where=name,
        hint="geometry is judged all the same; uniformity and ghosting are recorded, not judged",
        series_uid=series_uid,
    )


def about_pose(
    pose: PhantomPose, phantom: CylinderPhantom, name: str, series_uid: str
) -> list[Finding]:
    """Return what is unusual about where the phantom was found."""
    findings = []
    absent = sorted(set(range(1, phantom.stack.n_slices + 1)) - set(pose.slice_numbers))
    if pose.kind == "axial_stack" and absent:
        numbers = ", ".join(str(number) for number in absent)
        findings.append(
            Finding(
                code="slices_missing",
                severity=Severity.WARNING,
                message=f"slice {numbers} of the phantom is not in this series"
                if len(absent) == 1
                else f"slices {numbers} of the phantom are not in this series",
                where=name,
                hint="export the series again with all its images; what needs them is not measured",
                series_uid=series_uid,
            )
        )
    if pose.mirrored:
        findings.append(
            Finding(
                code="mirrored",
                severity=Severity.WARNING,
                message="the images show the phantom's mirror image in scanner coordinates",
                where=name,
                hint="check the patient position entered and the export for a flip",
                series_uid=series_uid,
            )
        )
    if pose.overrides:
        findings.append(
            Finding(
                code="override",
                severity=Severity.WARNING,
                message=f"set by hand: {', '.join(pose.overrides)}; the inserts agree by "
                f"{pose.score:.2f} with that",
                where=name,
                series_uid=series_uid,
            )
        )
    return findings


def about_identity(exam: Exam, scanner_name: str | None, date: dt.datetime | None) -> list[Finding]:
    """Return what is not known about scanner and date, or what was given against the headers."""
    stated = exam.scanner.identity
    findings = []
    missing = []
    if stated is None and scanner_name is None:
        missing.append("scanner (--scanner NAME)")
    if exam.acquired_at is None and date is None:
        missing.append("date (--date YYYY-MM-DD)")
    if missing:
        findings.append(
            Finding(
                code="identity_unknown",
                severity=Severity.WARNING,
                message=f"the headers do not say {' and '.join(missing)}; "
                "these values share no chart",
                hint="give them on the command line",
            )
        )
    if stated is not None and scanner_name is not None:
        findings.append(
            _replaced(
                "scanner", f"{stated}", f"{scanner_name}", "values start a chart of their own"
            )
        )
    if exam.acquired_at is not None and date is not None and exam.acquired_at.date() != date.date():
        was, now = f"{exam.acquired_at:%Y-%m-%d}", f"{date:%Y-%m-%d}"
        findings.append(_replaced("date", was, now, "the trend shows this exam at the date given"))
    return findings


def _replaced(what: str, stated: str, given: str, effect: str) -> Finding:
    return Finding(
        code=f"{what}_replaced",
        severity=Severity.WARNING,
        message=f"the headers state {what} {stated}; {given} was given instead: {effect}",
        hint=f"leave --{what} away where the headers are right",
    )
