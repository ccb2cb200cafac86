"""The two pieces of work that vetting is cut into: scan some files, examine some series.

Each depends on nothing but what it is given, so that a piece done twice gives the same bytes.
"""

from __future__ import annotations

import dataclasses

from qiqa.core.declared import DeclaredSet
from qiqa.core.vetting import Examined, Observation, SeriesFacts, VetPolicy
from qiqa.io.scan.listing import Chunk

__all__ = [
    "Examination",
    "ExamineJob",
    "ScanJob",
    "Scanned",
    "examine_series",
    "lost",
    "scan_files",
]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScanJob:
    """Files to scan."""

    root: str
    chunk: Chunk
    digest: str
    key: bytes = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What files hold, packed."""

    parts: tuple[tuple[str, bytes], ...]
    notes: tuple[tuple[str, bytes], ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ExamineJob:
    """Series to examine: UID and packed parts of each."""

    root: str
    policy: VetPolicy
    series: tuple[tuple[str, tuple[bytes, ...]], ...]
    declared: tuple[DeclaredSet, ...] = ()
    """What `dataset.json` states of them."""


Examination = tuple[str, bytes, bytes, bytes]
"""Series UID, packed summary, signature, thumbnail."""


def scan_files(job: ScanJob) -> Scanned:
    """Read the headers of some files."""
    from qiqa.core.vet_record import facts_to, note_to
    from qiqa.io.scan.scanning import scan_chunk

    found = scan_chunk(job.root, job.chunk, job.key)
    return Scanned(
        parts=tuple((one.series_uid, facts_to(one)) for one in found.series),
        notes=tuple((one.path, note_to(one)) for one in found.notes),
    )


def examine_series(job: ExamineJob) -> tuple[Examination, ...]:
    """Run all checks of headers and pixels on some series."""
    return tuple(_examine(job, parts) for _, parts in job.series)


def _examine(job: ExamineJob, parts: tuple[bytes, ...]) -> Examination:
    from qiqa.core.vet_record import facts_from
    from qiqa.io.dataset_json import with_declared
    from qiqa.io.scan.gathering import merge
    from qiqa.vetting.checking import examine_headers

    facts = with_declared(merge([facts_from(part) for part in parts]), job.declared)
    try:
        before = (*facts.observations, *examine_headers(facts, job.policy))
        seen, loading = _pixels(job, facts)
        return _packed(facts, seen, (*before, *loading))
    except Exception as error:  # noqa: BLE001 - one series must not take the others down
        return _packed(facts, Examined(), (*facts.observations, _failed(error)))


def _pixels(job: ExamineJob, facts: SeriesFacts) -> tuple[Examined, tuple[Observation, ...]]:
    from qiqa.io.scan.stack import load_stack
    from qiqa.vetting.checking import examine_pixels

    stack, loading = load_stack(facts, job.root)
    if stack is None:
        return Examined(), loading
    return examine_pixels(stack, job.policy), loading


def _packed(facts: SeriesFacts, seen: Examined, before: tuple[Observation, ...]) -> Examination:
    from qiqa.core.vet_record import summary_to
    from qiqa.vetting.tabulating import summarize

    made = summarize(facts, seen, before)
    return made.series_uid, summary_to(made), seen.signature, seen.thumbnail


def _failed(error: Exception) -> Observation:
    return Observation(code="not_examined", evidence=f"{type(error).__name__}: {error}"[:300])


def lost(parts: tuple[bytes, ...], reason: str) -> Examination:
    """Return what is kept of a series whose examination killed its process."""
    from qiqa.core.vet_record import facts_from
    from qiqa.io.scan.gathering import merge

    facts = merge([facts_from(part) for part in parts])
    observation = Observation(code="not_examined", evidence=reason)
    return _packed(facts, Examined(), (*facts.observations, observation))
