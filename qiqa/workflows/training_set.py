"""The walk of vetting: scan, examine, look at the whole, decide.

Everything done is kept at once in a working file; what is done already is not done again, so a run
that was ended in any way goes on where it was.
"""

from __future__ import annotations

import dataclasses
import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from qiqa import __version__
from qiqa.core.canonical import digest, storable
from qiqa.core.declared import DeclaredSet
from qiqa.core.vet_record import note_to
from qiqa.core.vet_result import SeriesSeen
from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import FileNote, Observation, SetAnswer, VetPolicy
from qiqa.io.scan import SEES
from qiqa.io.scan.listing import Chunk, list_files, member_name
from qiqa.store.scratch import Scratch
from qiqa.store.vet_work import VetWork
from qiqa.vetting.checking import checks, settings_of
from qiqa.vetting.standing import seen_digest
from qiqa.vetting.tabulating import tabulate
from qiqa.workflows.executing import Executor, Failed
from qiqa.workflows.vet_tasks import (
    Examination,
    ExamineJob,
    ScanJob,
    Scanned,
    examine_series,
    lost,
    scan_files,
)

__all__ = ["Progress", "SeriesRows", "by_row", "examine", "look_at_all", "scan", "top_of"]

_MOST_SERIES = 32
"""In one piece of work."""
_MOST_BYTES = 1 << 20
"""Of packed headers in one piece of work: it takes some seconds at the most."""


@dataclasses.dataclass(slots=True)
class Progress:
    """Says how far the work is and how long it will take; at most twice a second."""

    tell: Callable[[str], None]
    what: str
    total: int | None = None
    began: float = dataclasses.field(default_factory=time.monotonic)
    done: int = 0
    told: float = 0.0

    def add(self, count: int) -> None:
        """Note that some more is done."""
        self.done += count
        now = time.monotonic()
        if now - self.told < 0.5:
            return
        self.told = now
        rate = self.done / max(now - self.began, 1e-3)
        text = f"{self.what}: {self.done:,}"
        if self.total:
            left = max(self.total - self.done, 0) / max(rate, 1e-9)
            text += f" of {self.total:,}, {_duration(left)} left"
        self.tell(f"{text} ({rate:,.0f}/s)")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def scan(
    root: Path,
    work: VetWork,
    executor: Executor,
    key: bytes,
    tell: Callable[[str], None],
    leave_out: Path | None = None,
) -> None:
    """Read the headers of all files that were not read as they are now.

    Parameters
    ----------
    root
        Folder, archive or file.
    work
        Where it is kept.
    executor
        What works.
    key
        For the hash of patients.
    tell
        Progress.
    leave_out
        Folder that is not looked into: the outputs.
    """
    top = top_of(root)
    # another key gives other hashes, another version may see other things: all is read anew
    if (read_by := digest([__version__, SEES, key.hex()])) != work.get("read_by"):
        work.forget_scanned()
        work.put("read_by", read_by)
    run = int(work.get("run") or 0) + 1
    work.put("run", str(run))
    progress = Progress(tell, "headers")

    def jobs() -> Iterator[ScanJob]:
        for chunk in list_files(root, leave_out):
            state = _state(top, chunk)
            if work.is_scanned(chunk.name, state, run):
                progress.add(len(chunk.files))
            else:
                yield ScanJob(root=str(top), chunk=chunk, digest=state, key=key)

    for job, result in executor.run(scan_files, jobs()):
        found = _unscanned(job, result) if isinstance(result, Failed) else result
        count = len(job.chunk.files)
        work.add_scanned(job.chunk.name, job.digest, count, run, found.parts, found.notes)
        progress.add(count)
    work.forget_before(run)


def top_of(root: Path) -> Path:
    """Return the folder that paths are below of."""
    return root if root.is_dir() else root.parent


def _state(top: Path, chunk: Chunk) -> str:
    """Return a digest of what files of a chunk are there: names, sizes, times of change."""
    names = (chunk.archive,) if chunk.archive else chunk.files
    seen: list[object] = [list(chunk.files)]
    for name in names:
        try:
            status = (top / name).lstat()
            seen.append([status.st_size, status.st_mtime_ns])
        except OSError:
            seen.append(None)
    # a name of a file need not be text
    return digest(storable(seen))


def _unscanned(job: ScanJob, failed: Failed) -> Scanned:
    """Return notes of files that no process survived."""
    seen = (Observation(code="not_examined", evidence=failed.reason),)
    archive = job.chunk.archive
    paths = [member_name(archive, one) if archive else one for one in job.chunk.files]
    notes = [FileNote(path=p, kind="unreadable", size=0, observations=seen) for p in paths]
    return Scanned(parts=(), notes=tuple((one.path, note_to(one)) for one in notes))


def examine(
    root: Path,
    work: VetWork,
    policy: VetPolicy,
    executor: Executor,
    tell: Callable[[str], None],
    declared: tuple[DeclaredSet, ...] = (),
) -> None:
    """Run the checks of headers and pixels on all series that were not examined.

    Other checks or settings than last time, or another `dataset.json`: all series are examined
    anew. Limits and actions may change without.
    """
    # which cases there should be is no matter of a single series, and a long list
    stated = tuple(dataclasses.replace(one, listed=(), training=None) for one in declared)
    how = _how(policy, stated)
    if work.get("how") != how:
        work.forget_examined()
        work.put("how", how)
    series, done = work.count()
    progress = Progress(tell, "series", series)
    progress.add(done)
    jobs = (
        ExamineJob(root=str(top_of(root)), policy=policy, series=some, declared=stated)
        for some in _batches(work.to_examine())
    )
    for job, result in executor.run(examine_series, jobs):
        one_by_one = isinstance(result, Failed)
        work.add_examined(_one_by_one(job, executor, result.reason) if one_by_one else result)
        progress.add(len(job.series))


def _how(policy: VetPolicy, declared: tuple[DeclaredSet, ...]) -> str:
    """Return a digest of all that decides what is seen of a series."""
    seen = [(c.name, dict(sorted(settings_of(c, policy).items()))) for c in checks()]
    known = [[one.folder, one.channel_files, [*one.channels], [*one.labels]] for one in declared]
    named = [[name, *s.items()] for name, s in seen]
    return digest([__version__, sorted(policy.off), named, storable(known)])


def _batches(
    series: Iterable[tuple[str, tuple[bytes, ...]]],
) -> Iterator[tuple[tuple[str, tuple[bytes, ...]], ...]]:
    batch: list[tuple[str, tuple[bytes, ...]]] = []
    size = 0
    for uid, parts in series:
        batch.append((uid, parts))
        size += sum(map(len, parts))
        if len(batch) == _MOST_SERIES or size > _MOST_BYTES:
            yield tuple(batch)
            batch, size = [], 0
    if batch:
        yield tuple(batch)


def _one_by_one(job: ExamineJob, executor: Executor, reason: str) -> list[Examination]:
    """Examine the series of a piece that no process survived one at a time."""
    if len(job.series) == 1:
        return [lost(job.series[0][1], reason)]
    singles = (dataclasses.replace(job, series=(one,)) for one in job.series)
    made: list[Examination] = []
    for single, result in executor.run(examine_series, singles):
        failed = isinstance(result, Failed)
        made += [lost(single.series[0][1], reason)] if failed else result
    return made


def look_at_all(work: VetWork, tell: Callable[[str], None]) -> VetTable:
    """Return the table of all series; its columns are in files beside the working file."""
    tell("putting all series together")
    return tabulate(work.summaries(), work.count()[1], Scratch(work.path.parent))


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class SeriesRows:
    """All series and all unreadable files with what was seen of them; read anew each time."""

    work: VetWork
    table: VetTable
    of_set: Mapping[int, Sequence[Observation]]
    """Row of the table -> what checks of the set saw of it."""

    def __iter__(self) -> Iterator[SeriesSeen]:
        """Yield them in the order of their keys."""
        return heapq.merge(self._files(), self._series(), key=lambda one: one.key)

    def _files(self) -> Iterator[SeriesSeen]:
        """Yield files that may have been images, each as a series of its own."""
        for note in self.work.notes():
            if note.observations:
                uid = f"file:{note.path}"
                seen = seen_digest(1, note.size, b"", note.observations)
                yield SeriesSeen(
                    path=note.path, series_uid=uid, seen=seen, observations=note.observations
                )

    def _series(self) -> Iterator[SeriesSeen]:
        texts = {name: self.table.text(name) for name in ("patient", "site", "scanner", "modality")}
        for row, one in enumerate(self.work.summaries()):
            yield SeriesSeen(
                path=one.path,
                series_uid=one.series_uid,
                patient_hash=texts["patient"][row],
                site=texts["site"][row],
                scanner=texts["scanner"][row],
                modality=texts["modality"][row],
                seen=one.seen,
                observations=(*one.examined.observations, *self.of_set.get(row, ())),
            )


def by_row(answers: Mapping[str, SetAnswer]) -> dict[int, list[Observation]]:
    """Return what checks of the set saw of each series that they saw something of."""
    made: dict[int, list[Observation]] = {}
    for _, answer in sorted(answers.items()):
        for row, one in answer.observations:
            made.setdefault(row, []).append(one)
    return made
