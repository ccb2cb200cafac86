"""One chunk of files to series and notes: each file is opened once, its first bytes read."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from qiqa.core.errors import ReadError
from qiqa.core.pseudonyms import PseudonymKey
from qiqa.core.vetting import FileNote, Instance, Observation, SeriesFacts
from qiqa.io.dicomfile import NotDicom
from qiqa.io.elements import Syntax
from qiqa.io.kinds import NO_SECTIONS, other_file
from qiqa.io.nifti import is_nifti
from qiqa.io.scan.careful import careful_record
from qiqa.io.scan.gathering import Gathered, Identities, add_file, facts_of
from qiqa.io.scan.identity import Watch
from qiqa.io.scan.images import Form, Images
from qiqa.io.scan.listing import Chunk, member_name
from qiqa.io.scan.nifti import nifti_facts
from qiqa.io.scan.quick import FIRST_READ, Quick, quick_record, quick_rest
from qiqa.io.scan.readable import NO_SECTION, ends_in_time
from qiqa.io.scan.record import Record
from qiqa.io.scan.values import Decoder
from qiqa.io.sources import Archives, Blob
from qiqa.io.tags import TAGS

__all__ = ["ScanResult", "scan_chunk"]

_SERIES = TAGS["SeriesInstanceUID"][0]
_PICTURES = ("secondary capture", "color image", "image without position", *NO_SECTIONS)
"""Kinds that are kept as series: a set may hold nothing else of an exam."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """What one chunk of files holds."""

    series: tuple[SeriesFacts, ...]
    """In the order of their UIDs; parts where a series goes on in another chunk."""
    notes: tuple[FileNote, ...]
    """Files of no series, in the order of their paths."""


@dataclasses.dataclass(slots=True)
class _Scan:
    """What goes on while a chunk is scanned."""

    root: Path
    archives: Archives
    identities: Identities
    watch: Watch = dataclasses.field(default_factory=Watch)
    images: Images = dataclasses.field(default_factory=Images)
    quick: Quick = dataclasses.field(default_factory=Quick)
    decoders: dict[tuple[str, Syntax], Decoder] = dataclasses.field(default_factory=dict)
    series: dict[str, Gathered] = dataclasses.field(default_factory=dict)
    whole: list[SeriesFacts] = dataclasses.field(default_factory=list)
    notes: list[FileNote] = dataclasses.field(default_factory=list)

    def decoder(self, record: Record) -> Decoder:
        """Return the one decoder for the record's character set and order of bytes."""
        kind = (record.charset, record.syntax)
        if kind not in self.decoders:
            self.decoders[kind] = Decoder(*kind)
        return self.decoders[kind]

    def unreadable(self, path: str, size: int, why: str) -> None:
        """Note a file that cannot be read and tells no series."""
        seen = Observation(code="unreadable", evidence=why, where=path)
        note = FileNote(path=path, kind="unreadable", size=size, observations=(seen,))
        self.notes.append(note)


def scan_chunk(root: str | Path, chunk: Chunk, key: bytes) -> ScanResult:
    """Return what the headers of a chunk of files say.

    Nothing in the files raises: it is said as an observation of the series where its UID could be
    read, else of the file.

    Parameters
    ----------
    root
        The folder that was listed.
    chunk
        Of `qiqa.io.scan.listing.list_files`.
    key
        Secret of at least 32 bytes, for the hash of patients.

    Raises
    ------
    UsageError
        If the key is too short.
    """
    with Archives() as archives:
        scan = _Scan(Path(root), archives, Identities(PseudonymKey(key)))
        for name in chunk.files:
            try:
                if chunk.archive:
                    _member(scan, chunk.archive, name)
                else:
                    _file(scan, name)
            except Exception as error:  # noqa: BLE001 - one file must not end a scan of millions
                path = member_name(chunk.archive, name) if chunk.archive else name
                scan.unreadable(path, 0, f"cannot be read: {type(error).__name__}")
        parts = [facts_of(uid, scan.series[uid]) for uid in sorted(scan.series)]
    return ScanResult(
        series=tuple(sorted([*parts, *scan.whole], key=lambda facts: facts.series_uid)),
        notes=tuple(sorted(scan.notes, key=lambda note: note.path)),
    )


def _file(scan: _Scan, name: str) -> None:
    """Scan one file below the root; all members of an archive that has another suffix."""
    path = os.path.join(scan.root, name)  # noqa: PTH118 - half the time of Path
    size = 0
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - likewise
            size = os.fstat(file.fileno()).st_size
            head = file.read(FIRST_READ) or b""
            if head[:4] != b"PK\x03\x04":
                blob = Blob(path=path, size=size)
                _take(scan, name, blob, file, head)
                return
        members = [i.filename for i in scan.archives.get(path).infolist() if not i.is_dir()]
    except OSError as error:
        scan.unreadable(name, size, f"cannot be opened: {error.strerror}")
        return
    except ReadError as error:
        scan.unreadable(name, size, error.message)
        return
    for member in sorted(set(members)):
        _member(scan, name, member)


def _member(scan: _Scan, archive: str, member: str) -> None:
    path = os.path.join(scan.root, archive)  # noqa: PTH118
    name = member_name(archive, member)
    try:
        size = scan.archives.get(path).getinfo(member).file_size
        blob = Blob(path=path, member=member, size=size)
        # an archive cannot be read on: enough for nearly every header at once
        _take(scan, name, blob, io.BytesIO(b""), blob.read(scan.archives, 4 * FIRST_READ))
    except (ReadError, KeyError) as error:
        why = error.message if isinstance(error, ReadError) else "not in the archive"
        scan.unreadable(name, 0, why)


def _take(scan: _Scan, name: str, blob: Blob, file: IO[bytes], head: bytes) -> None:
    """Read the header behind the first bytes, and put it where it belongs."""
    if not head:
        scan.unreadable(name, blob.size, "the file is empty")
        return
    record = quick_record(file, blob.size, head, scan.quick)
    if record is None:
        try:
            record = careful_record(blob, scan.archives, scan.quick)
        except NotDicom:
            if head[128:132] == b"DICM":
                scan.unreadable(name, blob.size, "DICOM without the beginning of an object")
            else:
                _other(scan, name, blob)
            return
        except ReadError as error:
            _damaged(scan, name, blob, head, error)
            return
    if blob.member is not None and record.pixels is not None and record.pixels.length < 0:
        file = io.BytesIO(blob.read(scan.archives))
    _sort_in(scan, name, record, file)


def _damaged(scan: _Scan, name: str, blob: Blob, head: bytes, error: ReadError) -> None:
    """Note a damaged file under its series, if the elements before the damage tell it."""
    record = quick_rest(head, blob.size, scan.quick)
    uid = "" if record is None else scan.decoder(record).text(record.found.get(_SERIES))
    if record is None or not uid:
        scan.unreadable(name, blob.size, error.message)
        return
    code = "truncated" if "cut short" in error.message else "unreadable"
    record.wrong = (code, error.message)
    _sort_in(scan, name, record, None)


def _other(scan: _Scan, name: str, blob: Blob) -> None:
    """Note a file that is not DICOM: NIfTI is a series, anything else a note."""
    try:
        if is_nifti(blob, scan.archives):
            scan.whole.append(
                nifti_facts(name, blob, scan.archives, scan.identities.key, scan.watch)
            )
            return
    except ReadError as error:
        scan.unreadable(name, blob.size, error.message)
        return
    scan.notes.append(FileNote(path=name, kind=other_file(blob.short_name), size=blob.size))


def _sort_in(scan: _Scan, name: str, record: Record, file: IO[bytes] | None) -> None:
    decoder = scan.decoder(record)
    uid = decoder.text(record.found.get(_SERIES))
    if record.wrong is not None and not uid:
        scan.unreadable(name, record.size, record.wrong[1])
        return
    form = scan.images.form(record, decoder)
    kind = None if record.wrong else form.kind
    seen = list(scan.watch.look(record, decoder, name))
    if (kind is not None and kind not in _PICTURES) or not uid:
        kind = kind or "image without a series UID"
        note = FileNote(path=name, kind=kind, size=record.size, observations=tuple(seen))
        scan.notes.append(note)
        return
    series = scan.series.setdefault(uid, Gathered())
    add_file(series, record, decoder, scan.identities)
    seen += _seen(record, form, file)
    whole = not any(one.code in ("truncated", "unreadable", "no_pixels") for one in seen)
    instance = scan.images.of(record, decoder, name, form)
    series.instances.append(instance if whole else _without_pixels(instance))
    series.observations += [one if one.where else _at(one, name) for one in seen]


def _without_pixels(instance: Instance) -> Instance:
    return dataclasses.replace(instance, pixel_offset=-1, pixel_length=0)


def _at(observation: Observation, name: str) -> Observation:
    return dataclasses.replace(observation, where=name)


def _seen(record: Record, form: Form, file: IO[bytes] | None) -> Iterator[Observation]:
    """Yield what is wrong with one image, without saying where."""
    if record.wrong is not None:
        code, why = record.wrong
        yield Observation(code=code, evidence=why)
        return
    if form.kind is not None:
        code = NO_SECTION if form.kind in NO_SECTIONS else "not_an_image"
        yield Observation(code=code, evidence=form.kind)
    if form.localizer:
        yield Observation(code="localizer", evidence="Image Type says LOCALIZER")
    if record.pixels is None:
        yield Observation(code="no_pixels", evidence="no pixel data")
    elif form.needed == 0:
        text = "rows, columns, frames or bits are missing or impossible"
        yield Observation(code="no_pixels", evidence=text)
    else:
        found = None
        with contextlib.suppress(OSError):
            found = ends_in_time(record, form.needed, file)
        if found is not None:
            yield found
