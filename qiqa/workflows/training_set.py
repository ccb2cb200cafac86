"""The walk of vetting: scan, examine, look at the whole, decide.

Everything done is kept at once in a working file; what is done already is not done again, so a run
that was ended in any way goes on where it was.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from qiqa import __version__
from qiqa.core.canonical import digest
from qiqa.core.vetting import Observation, SetAnswer, VetPolicy, VetTable
from qiqa.store.vet_work import VetWork
from qiqa.vetting.checking import checks, examine_set, settings_of
from qiqa.vetting.tabulating import tabulate
from qiqa.workflows.executing import Executor, Failed
from qiqa.workflows.vet_tasks import ExamineJob, ScanJob, examine_series, lost, scan_files

__all__ = ["Progress", "examine", "look_at_all", "scan"]

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
    root: Path, work: VetWork, executor: Executor, key: bytes, tell: Callable[[str], None]
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
    """
    from qiqa.io.scan.listing import list_files

    run = int(work.get("run") or 0) + 1
    work.put("run", str(run))
    progress = Progress(tell, "headers")

    def jobs() -> Iterator[ScanJob]:
        for chunk in list_files(root):
            if work.is_scanned(chunk.name, chunk.digest, run):
                progress.add(len(chunk.files))
            else:
                yield ScanJob(root=str(root), chunk=chunk, digest=chunk.digest, key=key)

    for job, result in executor.run(scan_files, jobs()):
        found = _unscanned(job, result) if isinstance(result, Failed) else result
        count = len(job.chunk.files)
        work.add_scanned(job.chunk.name, job.digest, count, run, found.parts, found.notes)
        progress.add(count)
    work.forget_before(run)


def _unscanned(job: ScanJob, failed: Failed) -> Any:
    """Return notes of files that no process survived."""
    from qiqa.core.vet_record import note_to
    from qiqa.core.vetting import FileNote
    from qiqa.workflows.vet_tasks import Scanned

    seen = (Observation(code="not_examined", evidence=failed.reason),)
    notes = [
        FileNote(path=path, kind="unreadable", size=size, observations=seen)
        for path, size in job.chunk.files
    ]
    return Scanned(parts=(), notes=tuple((one.path, note_to(one)) for one in notes))


def examine(
    root: Path,
    work: VetWork,
    policy: VetPolicy,
    executor: Executor,
    tell: Callable[[str], None],
) -> None:
    """Run the checks of headers and pixels on all series that were not examined.

    Other checks or settings than last time: all series are examined anew. Limits and actions may
    change without.
    """
    how = _how(policy)
    if work.get("how") != how:
        work.forget_examined()
        work.put("how", how)
    series, done = work.count()
    progress = Progress(tell, "series", series)
    progress.add(done)
    jobs = (
        ExamineJob(root=str(root), policy=policy, series=some)
        for some in _batches(work.to_examine())
    )
    for job, result in executor.run(examine_series, jobs):
        one_by_one = isinstance(result, Failed)
        work.add_examined(_one_by_one(job, executor, result.reason) if one_by_one else result)
        progress.add(len(job.series))


def _how(policy: VetPolicy) -> str:
    """Return a digest of all that decides what is seen of a series."""
    seen = [(c.name, dict(sorted(settings_of(c, policy).items()))) for c in checks()]
    return digest([__version__, sorted(policy.off), [[name, *s.items()] for name, s in seen]])


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


def _one_by_one(job: ExamineJob, executor: Executor, reason: str) -> list[Any]:
    """Examine the series of a piece that no process survived one at a time."""
    if len(job.series) == 1:
        return [lost(job.series[0][1], reason)]
    singles = (dataclasses.replace(job, series=(one,)) for one in job.series)
    made: list[Any] = []
    for single, result in executor.run(examine_series, singles):
        failed = isinstance(result, Failed)
        made += [lost(single.series[0][1], reason)] if failed else result
    return made


def look_at_all(
    work: VetWork,
    policy: VetPolicy,
    stated: Mapping[str, Mapping[str, str | float]] | None,
    tell: Callable[[str], None],
) -> tuple[VetTable, dict[str, SetAnswer]]:
    """Run the checks of the set as a whole."""
    tell("looking at all series together")
    table = tabulate(work.summaries(), stated)
    return table, examine_set(table, policy)
