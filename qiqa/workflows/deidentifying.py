"""A folder of DICOM to a folder that may leave the hospital: one file at a time, resumable."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from qiqa.core.errors import ReadError, UsageError
from qiqa.core.pseudonyms import PseudonymKey
from qiqa.io.deid.acceptance import Refusal
from qiqa.io.deid.files import Cleaned, DeidOptions, clean_file
from qiqa.io.deid.journal import Entry, Journal
from qiqa.io.deid.rules import load_rules
from qiqa.io.dicomfile import NotDicom, parse
from qiqa.io.elements import Truncated
from qiqa.io.export import reported, write_file
from qiqa.io.sources import Archives, Blob, gunzip, walk

__all__ = ["Deidentified", "check_places", "deidentify"]


@dataclasses.dataclass(slots=True, kw_only=True)
class Deidentified:
    """What became of the files. Names of files are for the screen of who has the originals."""

    written: int = 0
    unchanged: int = 0
    """Written by an earlier run."""
    duplicates: int = 0
    not_dicom: int = 0
    refused: list[ReadError] = dataclasses.field(default_factory=list)
    participants: set[str] = dataclasses.field(default_factory=set)
    scanners: set[str] = dataclasses.field(default_factory=set)


def check_places(sources: Sequence[Path], out: Path, key_file: Path) -> None:
    """Check that originals, output and key are apart: what is sent must hold neither.

    Raises
    ------
    ReadError
        If an original does not exist.
    UsageError
        If one lies inside another where it may not.
    """
    target = out.resolve()
    if key_file.resolve().is_relative_to(target):
        hint = "who receives the images must not receive the key"
        raise UsageError("the key lies inside the output", where=str(key_file), hint=hint)
    for source in sources:
        if not source.exists():
            raise ReadError("no such file or folder", where=str(source))
        given = source.resolve()
        if given.is_relative_to(target) or (given.is_dir() and target.is_relative_to(given)):
            raise UsageError(
                f"the output {out} and the originals lie inside one another",
                where=str(source),
                hint="give an output folder beside them",
            )


def deidentify(
    sources: Sequence[Path],
    out: Path,
    key: PseudonymKey,
    options: DeidOptions,
    tell: Callable[[str], None] = lambda _: None,
) -> Deidentified:
    """De-identify every MR image behind paths into a folder; originals are only read.

    Parameters
    ----------
    sources
        Folders, files and zip archives.
    out
        Where to write: participant / study / series / instance, all pseudonyms, and the log.
    key
        The secret that pseudonyms and shifts come from.
    options
        Phantom or participant.
    tell
        Takes what is being done, for a person to see.

    Raises
    ------
    UsageError
        If the folder holds images made with another key or other options.
    OutputError
        If it cannot be written. What one file has wrong raises nothing: it is in `refused`.
    ReadError
        If a path that was given does not exist.
    """
    with reported(str(out)):
        out.mkdir(parents=True, exist_ok=True)
    done = Deidentified()
    with Archives() as archives, Journal(out, _settings(key, options)) as journal:
        for number, blob in enumerate(walk(sources, archives), start=1):
            tell(f"file {number}: {done.written} written, {len(done.refused)} refused")
            if isinstance(blob, ReadError):
                done.refused.append(blob)
                continue
            try:
                data = _unpacked(blob, archives)
            except ReadError as error:
                done.refused.append(error)
                continue
            _one(data, blob.name, out, key, options, journal, done)
    return done


def _settings(key: PseudonymKey, options: DeidOptions) -> str:
    """Return what tells one way of making a folder from another; it gives the key not away."""
    rules = load_rules()
    texts = (
        *(str(options.phantom), str(options.shift_phantom_dates), rules.edition),
        *(" ".join(sorted(rules.words)), " ".join(sorted(map(str, rules.private)))),
    )
    return key.digest("settings", *texts)[:8].hex()


def _unpacked(blob: Blob, archives: Archives) -> bytes:
    data = blob.read(archives)
    return gunzip(data, blob.name) if data[:2] == b"\x1f\x8b" else data


def _one(
    data: bytes,
    name: str,
    out: Path,
    key: PseudonymKey,
    options: DeidOptions,
    journal: Journal,
    done: Deidentified,
) -> None:
    source = key.digest("source", hashlib.sha256(data).hexdigest())[:16].hex()
    before = journal.done.get(source)
    if before is not None and _still_there(out, before):
        done.unchanged += 1
        done.participants.add(before.output.partition("/")[0])
        return
    if not _is_dicom(data, name):
        done.not_dicom += 1
        journal.add(Entry(source=source, outcome="not_dicom"))
        return
    try:
        cleaned = clean_file(data, name, key, options)
        outcome = _place(cleaned, out, source, name, journal)
    except Refusal as refusal:
        done.refused.append(refusal)
        journal.add(Entry(source=source, outcome="refused", reason=refusal.code))
        return
    done.written += outcome == "written"
    done.duplicates += outcome == "duplicate"
    done.participants.add(cleaned.participant)
    done.scanners |= {cleaned.scanner} - {None}  # type: ignore[arg-type]
    journal.add(
        Entry(
            source=source,
            outcome=outcome,
            output="/".join(cleaned.parts),
            sha256=hashlib.sha256(cleaned.content).hexdigest(),
            codes=" ".join(cleaned.codes),
            tally=cleaned.tally,
        )
    )


def _is_dicom(data: bytes, name: str) -> bool:
    """Say whether it is DICOM, damaged or not: damage is refused by name, not passed over."""
    try:
        parse(data, name, len(data))
    except NotDicom:
        return data[128:132] == b"DICM"
    except (ReadError, Truncated):
        return True
    return True


def _still_there(out: Path, entry: Entry) -> bool:
    path = out.joinpath(*entry.output.split("/"))
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256
    except OSError:
        return False


def _place(cleaned: Cleaned, out: Path, source: str, name: str, journal: Journal) -> str:
    """Write a file unless it is there; two originals may not claim one place."""
    path = out.joinpath(*cleaned.parts)
    owner = journal.outputs.get("/".join(cleaned.parts))
    if path.exists() and path.read_bytes() == cleaned.content:
        return "duplicate" if owner not in (None, source) else "written"
    if owner not in (None, source) and path.exists():
        raise Refusal("uid_conflict", name, hint="find out which of the two is the right one")
    with reported(str(path.parent)):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, lambda file: file.write(cleaned.content))
    return "written"
