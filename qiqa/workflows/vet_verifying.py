"""Whether an output still says what was written, and whether its decisions follow from it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from pathlib import Path

from qiqa.core.vetting import Check
from qiqa.io.ro_crate import RO_CRATE, read_hashes, seal
from qiqa.io.staged import settle
from qiqa.io.vet_parts import read_manifest
from qiqa.workflows.reviewing import open_output
from qiqa.workflows.vet_unaltered import OnRecord, changed_files

__all__ = ["Verified", "verify_output"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was held against what is recorded."""

    files: int
    """Recorded with a SHA-256."""
    changed: tuple[str, ...]
    """Files that are not as they were written, or are gone."""
    series: int
    """Rows of the manifest and of what was seen, the larger of both."""
    differing: tuple[str, ...]
    """Series UID of each row that does not follow from what was seen, policy and persons."""
    made_by: str
    """Version of qiqa that looked at the images."""
    seal: str
    """SHA-256 of the record itself."""
    strangers: tuple[str, ...]
    """Files beside those of the output."""

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not (self.changed or self.differing)


def verify_output(folder: Path, checks: Sequence[Check], known: str = "") -> Verified:
    """Hash every file anew, and decide every series anew; no image is read.

    Parameters
    ----------
    folder
        What `qiqa vet` wrote.
    checks
        All that there are.
    known
        SHA-256 of the record, as it was kept elsewhere; empty where it was not.

    Raises
    ------
    ReadError
        If a file that is needed is missing or damaged, or somebody decided or vetted meanwhile.
    DefinitionError
        If the policy is no longer one.
    OutputError
        If a run was ended while it wrote, and what it wrote cannot be put in its place.
    """
    settle(folder)
    on_record = OnRecord.of(folder)
    recorded, changed = changed_files(folder)
    own = seal(folder)
    if known and known.lower() != own:
        changed |= {RO_CRATE}
    stored = open_output(folder, checks)
    series, differing = 0, []
    for written, row in itertools.zip_longest(read_manifest(folder), stored.judged().rows):
        series += 1
        if written is None or row is None:
            differing.append(written["series_uid"] if written else row.series_uid)
            continue
        decided = row.decision.action.value, ";".join(row.decision.reasons)
        same = (written["series_uid"], written["path"]) == row.key
        if not same or (written["decision"], written["reasons"]) != decided:
            differing.append(written["series_uid"])
    on_record.refuse_other()  # what was replaced halfway would look altered
    return Verified(
        files=recorded,
        changed=tuple(sorted(changed)),
        series=series,
        differing=tuple(differing),
        made_by=stored.parts.provenance.qiqa_version,
        seal=own,
        strangers=_strangers(folder),
    )


def _strangers(folder: Path) -> tuple[str, ...]:
    own = {RO_CRATE, *read_hashes(folder)}
    files = (path.name for path in folder.iterdir() if path.is_file())
    return tuple(sorted(n for n in files if n not in own and not n.startswith(".")))
