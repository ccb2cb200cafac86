"""A vetted set to its folder: tables, card, JSON, Croissant, RO-Crate."""

from __future__ import annotations

from pathlib import Path

from qiqa.core.vet_result import OutputFile, VetParts, VetResult
from qiqa.io.croissant import write_croissant
from qiqa.io.manifest import write_manifest_csv, write_manifest_parquet
from qiqa.io.ro_crate import write_ro_crate
from qiqa.io.vet_files import MANIFEST_CSV, described, write_policy, write_vet_json
from qiqa.io.vet_parts import MANIFEST, write_observations, write_other_files, write_thumbnails
from qiqa.report.data_card import write_card
from qiqa.report.files import made_folder

__all__ = ["write_decisions", "write_parts"]


def write_parts(parts: VetParts, folder: Path) -> None:
    """Write what was seen; no decision changes it later.

    `features.parquet` is written by whoever has the values: `qiqa.io.vet_parts.write_features`.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    made_folder(folder)
    write_observations(parts.series, folder)
    write_other_files(parts.notes, folder)
    write_thumbnails(parts.thumbnails, folder)


def write_decisions(
    result: VetResult, folder: Path, policy_text: bytes, place: Path | None = None
) -> tuple[OutputFile, ...]:
    """Write what was decided, and the metadata of all files; return what is described in them.

    Parameters
    ----------
    result
        The set, decided.
    folder
        With the files of `write_parts`.
    policy_text
        The file of the policy, byte by byte.
    place
        Where to write, of `qiqa.io.staged`: what is in it will replace what the folder has. None:
        the folder itself.

    Raises
    ------
    OutputError
        If it cannot be written; each file is whole or as it was.
    """
    place = made_folder(folder if place is None else place)
    write_manifest_csv(result.rows, place / MANIFEST_CSV)
    write_manifest_parquet(result.rows, place / MANIFEST, result.policy.sha256)
    write_policy(policy_text, place)
    write_vet_json(result, place)
    write_card(result, place)
    write_croissant(result, described(place, folder), place)
    files = described(place, folder)
    write_ro_crate(result, files, place)
    return files
