"""The files of an output of `qiqa vet`: their names, what each holds, and the JSON among them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from qiqa.core.errors import OutputError, ReadError
from qiqa.core.vet_payload import StoredWords, restore_words, vet_payload
from qiqa.core.vet_result import GivenFile, OutputFile, VetResult
from qiqa.io.croissant import CROISSANT
from qiqa.io.export import reported, write_file
from qiqa.io.vet_override import CHANGES, OVERRIDES
from qiqa.io.vet_parts import FEATURES, MANIFEST, OBSERVATIONS, OTHER_FILES, THUMBNAILS

__all__ = [
    "MANIFEST_CSV",
    "POLICY",
    "VET_JSON",
    "described",
    "given_file",
    "read_vet_json",
    "write_policy",
    "write_vet_json",
]

VET_JSON = "vet.json"
POLICY = "policy.toml"
MANIFEST_CSV = "manifest.csv"
_PARQUET = "application/x-parquet"
_LINES = "application/jsonl"
_FILES: Mapping[str, tuple[str, str]] = {
    MANIFEST_CSV: ("text/csv", "one row a series: what is done with it and why"),
    MANIFEST: (_PARQUET, "the same, with every text as it is"),
    OBSERVATIONS: (_PARQUET, "all that was seen of each series"),
    FEATURES: (_PARQUET, "measured image quality of each series"),
    THUMBNAILS: (_PARQUET, "small pictures of the series on the data card"),
    OTHER_FILES: (_PARQUET, "files that are part of no series"),
    VET_JSON: ("application/json", "policy, counts and what holds of the set as a whole"),
    POLICY: ("application/toml", "the policy, as it was given"),
    OVERRIDES: (_LINES, "decisions of persons on single series"),
    CHANGES: (_LINES, "changes of the policy after results were seen"),
    "card.html": ("text/html", "data card for people"),
    CROISSANT: ("application/ld+json", "Croissant metadata"),
}
"""Name -> media type, what it holds."""


def described(*folders: Path) -> tuple[OutputFile, ...]:
    """Return the files that there are, each from the first folder that has it; size and SHA-256.

    Raises
    ------
    OutputError
        If one cannot be read back.
    """
    made = []
    for name, (media_type, description) in _FILES.items():
        path = next((one / name for one in folders if (one / name).is_file()), None)
        if path is None:
            continue
        with reported(str(path)), path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
        one = OutputFile(
            name=name, media_type=media_type, description=description, size=size, sha256=sha256
        )
        made.append(one)
    return tuple(made)


def given_file(role: str, path: Path) -> GivenFile:
    """Return name and SHA-256 of a file that was given.

    Raises
    ------
    ReadError
        If it cannot be read.
    """
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise ReadError(message, where=str(path)) from error
    return GivenFile(role=role, name=path.name, sha256=sha256)


def write_vet_json(result: VetResult, folder: Path) -> Path:
    """Write `vet.json`.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    text = json.dumps(vet_payload(result), ensure_ascii=False, indent=2, allow_nan=False)
    path = folder / VET_JSON
    write_file(path, lambda file: file.write(f"{text}\n".encode()))
    return path


def read_vet_json(folder: Path) -> StoredWords:
    """Return what `vet.json` keeps.

    Raises
    ------
    ReadError
        If it is missing, damaged, or of another schema.
    """
    path = folder / VET_JSON
    try:
        return restore_words(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ReadError(
            f"cannot be read: {error.strerror or error}",
            where=str(path),
            hint="give the folder that qiqa vet wrote",
        ) from error
    except ValueError as error:
        raise ReadError(
            f"is not what qiqa vet wrote: {error}", where=str(path), hint="vet the images again"
        ) from error


def write_policy(text: bytes, folder: Path) -> Path:
    """Write the policy as it was given, so that its SHA-256 stays.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    if not text:
        raise OutputError("the policy is empty", where=str(folder / POLICY))
    path = folder / POLICY
    write_file(path, lambda file: file.write(text))
    return path
