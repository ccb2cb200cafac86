"""Which exam is judged, where files hold none, one, or several."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from qiqa.core.contents import Contents
from qiqa.core.errors import ExamError, ReadError
from qiqa.core.exam import Exam, group_exams
from qiqa.core.series import SeriesHeader

__all__ = ["choose_exam", "exams_of", "is_mr", "nothing_found"]

_SHOWN = 5
"""How many faults of reading an error repeats."""


def is_mr(header: SeriesHeader) -> bool:
    """Say whether a series is MR as far as anybody knows."""
    return header.modality in ("MR", None)


def exams_of(contents: Contents) -> tuple[Exam, ...]:
    """Return the exams in an order that numbers them, from 1, in every command alike."""
    return group_exams([header for header in contents.headers if is_mr(header)])


def choose_exam(contents: Contents, paths: Sequence[Path], number: int | None = None) -> Exam:
    """Return the exam to judge.

    Parameters
    ----------
    contents
        What was read.
    paths
        From where, for messages.
    number
        Which exam, from 1; None where there must be only one.

    Raises
    ------
    ReadError
        If there are no images.
    ExamError
        If there are several exams and none was chosen, or copies that contradict each other.
    """
    where = ", ".join(str(path) for path in paths)
    if not contents.headers:
        raise nothing_found(contents, where)
    exams = exams_of(contents)
    if not exams:
        kinds = ", ".join(sorted({str(header.modality) for header in contents.headers}))
        raise ExamError(f"the images are {kinds}, not MR", where=where, hint="give MR images")
    if number is not None:
        if not 1 <= number <= len(exams):
            count = f"{len(exams)} exams" if len(exams) > 1 else "only 1"
            raise ExamError(
                f"there is no exam {number}, there are {count}",
                where=where,
                hint=f"choose one of\n{_listing(exams)}",
            )
        return exams[number - 1]
    copies = [f for f in contents.findings if f.code == "conflicting_copies"]
    if copies:
        hint = f"{copies[0].hint}, or choose one" if copies[0].hint else "choose one"
        raise ExamError(
            copies[0].message, where=copies[0].where or where, hint=f"{hint}:\n{_listing(exams)}"
        )
    if len(exams) > 1:
        raise ExamError(
            f"{len(exams)} exams are mixed here",
            where=where,
            hint=f"give one of them, or choose one:\n{_listing(exams)}",
        )
    return exams[0]


def nothing_found(contents: Contents, where: str) -> ReadError:
    """Return the error that says what there is instead of images."""
    if not contents.n_files:
        message = "no files here"
    else:
        ignored = f"; ignored: {'; '.join(contents.ignored)}" if contents.ignored else ""
        files = "file" if contents.n_files == 1 else "files"
        message = f"no images among {contents.n_files} {files}{ignored}"
    faults = [f"\n  {f.where}: {f.message}" for f in contents.findings[:_SHOWN]]
    more = len(contents.findings) - _SHOWN
    rest = f"\n  and {more} more" if more > 0 else ""
    return ReadError(
        f"{message}{''.join(faults)}{rest}",
        where=where,
        hint="give the folder (or zip) that the scanner or PACS exported",
    )


def _listing(exams: Sequence[Exam]) -> str:
    """Return one line an exam: its option, what it is, and in which folders it lies."""
    folders = [_folders(exam) for exam in exams]
    every = {folder for some in folders for folder in some}
    shared = (
        os.path.commonpath(every) if len(every) > 1 and len({f.anchor for f in every}) == 1 else ""
    )
    lines = []
    for number, (exam, some) in enumerate(zip(exams, folders, strict=True), start=1):
        # headers may hold line breaks
        label = " ".join(exam.label.split())[:120]
        names = [str(folder.relative_to(shared) if shared else folder) for folder in some[:_SHOWN]]
        more = ", ..." if len(some) > _SHOWN else ""
        lines.append(f"    --exam {number}: {label} ({', '.join(names)}{more})")
    return "\n".join(lines)


def _folders(exam: Exam) -> list[Path]:
    paths = dict.fromkeys(Path(path).parent for h in exam.headers for path in h.paths)
    return [path.absolute() for path in paths]
