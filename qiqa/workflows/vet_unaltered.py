"""Whether the files of an output are as they were written, before anything is built on them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from qiqa.core.errors import ReadError
from qiqa.io.ro_crate import RO_CRATE, read_hashes
from qiqa.io.vet_files import POLICY, VET_JSON, described
from qiqa.io.vet_override import CHANGES, OVERRIDES
from qiqa.io.vet_parts import FEATURES, MANIFEST, OBSERVATIONS, OTHER_FILES, THUMBNAILS

__all__ = ["changed_files", "refuse_altered", "refuse_lost_decisions"]

_RESTS_ON = (OBSERVATIONS, OTHER_FILES, FEATURES, THUMBNAILS, MANIFEST, VET_JSON, POLICY)
"""What is decided on anew, or shown again: all but what is made from it."""
_GROWING = (OVERRIDES, CHANGES)


def changed_files(folder: Path) -> tuple[int, frozenset[str]]:
    """Return how many files have a recorded SHA-256, and those that are not as they were written.

    Raises
    ------
    ReadError
        If there is no record.
    """
    recorded = read_hashes(folder)
    found = {one.name: one.sha256 for one in described(folder)}
    changed = {name for name, (sha256, _) in recorded.items() if found.get(name) != sha256}
    return len(recorded), frozenset(changed | (found.keys() - recorded.keys()))


def refuse_altered(folder: Path) -> None:
    """Refuse to decide on what somebody altered: it would be recorded as if it had been seen.

    Files of decisions may have grown, as when a run was ended before it wrote the rest.

    Raises
    ------
    ReadError
        If a file that decisions rest on is not as it was written; names it.
    """
    _, changed = changed_files(folder)
    altered = [name for name in _RESTS_ON if name in changed] + _shortened(folder)
    if altered:
        raise ReadError(
            f"not as it was written: {', '.join(altered)}",
            where=str(folder),
            hint="put it back; a policy is changed with qiqa vet review --policy, and vetting the "
            "images again makes the rest anew",
        )


def refuse_lost_decisions(folder: Path) -> None:
    """Refuse to vet again where decisions of persons on record are gone; new ones may be there.

    Raises
    ------
    ReadError
        If a line of them was altered or taken out; names the file.
    """
    if (folder / RO_CRATE).exists() and (altered := _shortened(folder)):
        raise ReadError(
            f"decisions on record were altered or taken out: {', '.join(altered)}",
            where=str(folder),
            hint="put the file back, or vet into a folder of its own with -o",
        )


def _shortened(folder: Path) -> list[str]:
    recorded = read_hashes(folder)
    return [n for n in _GROWING if n in recorded and not _grown(folder / n, *recorded[n])]


def _grown(path: Path, sha256: str, size: int) -> bool:
    """Say whether a file begins with what it was."""
    try:
        with path.open("rb") as file:
            return hashlib.sha256(file.read(size)).hexdigest() == sha256
    except OSError:
        return False
