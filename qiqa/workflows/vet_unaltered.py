"""Whether the files of an output are as they were written, before anything is built on them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from qiqa.core.errors import ReadError
from qiqa.io.export import reported
from qiqa.io.ro_crate import RO_CRATE, read_hashes
from qiqa.io.vet_files import POLICY, VET_JSON, described
from qiqa.io.vet_override import CHANGES, OVERRIDES
from qiqa.io.vet_parts import FEATURES, MANIFEST, OBSERVATIONS, OTHER_FILES, THUMBNAILS

__all__ = ["OnRecord", "changed_files", "refuse_altered", "refuse_lost_decisions"]

_DECISIONS = (OVERRIDES, CHANGES)
_RESTS_ON = (
    *(OBSERVATIONS, OTHER_FILES, FEATURES, THUMBNAILS, MANIFEST, VET_JSON, POLICY),
    *_DECISIONS,
)
"""What is decided on anew, or shown again: all but what is made from it."""


@dataclasses.dataclass(frozen=True, slots=True)
class OnRecord:
    """What was there when a folder was read: decisions, policy, and the hashes of all the rest."""

    folder: Path
    files: tuple[bytes, ...]
    """Empty where there is none yet."""

    @classmethod
    def of(cls, folder: Path) -> OnRecord:
        """Return what is there now."""
        found = []
        for path in (folder / name for name in (*_DECISIONS, POLICY, RO_CRATE)):
            with reported(str(path)):
                found.append(path.read_bytes() if path.exists() else b"")
        return cls(folder, tuple(found))

    def refuse_other(self) -> None:
        """Refuse to write over what somebody decided or vetted since.

        Raises
        ------
        ReadError
            If a decision, another policy or another output came.
        """
        if OnRecord.of(self.folder) != self:
            raise ReadError(
                "somebody decided or vetted meanwhile",
                where=str(self.folder),
                hint="give the same command again: it sees what is there now",
            )


def changed_files(folder: Path) -> tuple[int, frozenset[str]]:
    """Return how many files have a recorded SHA-256, and those that are not as they were written.

    Raises
    ------
    ReadError
        If there is no record.
    """
    recorded = read_hashes(folder)
    found = {one.name: one.sha256 for one in described(folder)}
    changed = {name for name, sha256 in recorded.items() if found.get(name) != sha256}
    return len(recorded), frozenset(changed | (found.keys() - recorded.keys()))


def refuse_altered(folder: Path) -> None:
    """Refuse to decide on what somebody altered: it would be recorded as if it had been seen.

    Raises
    ------
    ReadError
        If a file that decisions rest on is not as it was written; names it.
    """
    _, changed = changed_files(folder)
    altered = [name for name in _RESTS_ON if name in changed]
    if altered:
        raise ReadError(
            f"not as it was written: {', '.join(altered)}",
            where=str(folder),
            hint="put it back; a policy is changed with qiqa vet review --policy, and vetting the "
            "images again makes the rest anew",
        )


def refuse_lost_decisions(folder: Path) -> None:
    """Refuse to vet again where what persons decided is not what is on record.

    Raises
    ------
    ReadError
        If a decision was altered, taken out, or put in by hand; names the file.
    """
    if not (folder / RO_CRATE).exists():
        return
    _, changed = changed_files(folder)
    altered = [name for name in _DECISIONS if name in changed]
    if altered:
        raise ReadError(
            f"decisions of persons are not those on record: {', '.join(altered)}",
            where=str(folder),
            hint="put the file back, or vet into a folder of its own with -o",
        )
