"""One file: bytes in, de-identified bytes and what was done out."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from qiqa import __version__
from qiqa.core.errors import QiqaError
from qiqa.core.pseudonyms import (
    PseudonymKey,
    participant_pseudonym,
    pseudonym,
    serial_pseudonym,
    shift_days,
)
from qiqa.core.scanner import Scanner, is_placeholder
from qiqa.io.deid.acceptance import Refusal, check_object
from qiqa.io.deid.dataset import Plan, Tally, clean_dataset, identity_texts
from qiqa.io.deid.pixels import clean_pixels
from qiqa.io.deid.rules import CODES, load_rules
from qiqa.io.deid.values import age
from qiqa.io.deid.wording import identity_words
from qiqa.io.facts import named

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Cleaned", "DeidOptions", "clean_file"]

_IMPLEMENTATION_UID = "2.25.228463718273645102938475610293847561"
"""Tells, in the meta group, which program wrote a file (PS3.7 D.3.3.2): a number of our own."""
_NEEDED = ("SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_EXPLICIT = "1.2.840.10008.1.2.1"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeidOptions:
    """What is asked for beyond the profile."""

    phantom: bool = False
    """No person is in the images: dates stay, because a scanner's history needs them."""
    shift_phantom_dates: bool = False
    """Move the dates of phantoms all the same, by a shift that belongs to the scanner."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cleaned:
    """A de-identified file, ready to be written."""

    content: bytes = dataclasses.field(repr=False)
    participant: str
    scanner: str | None
    """Identity of the scanner in the de-identified image."""
    parts: tuple[str, ...]
    """Folders and file name to write it to: pseudonyms alone."""
    codes: tuple[str, ...]
    """Of PS3.16 CID 7050: the profile and its options."""
    tally: Tally


def clean_file(data: bytes, where: str, key: PseudonymKey, options: DeidOptions) -> Cleaned:
    """De-identify one DICOM file.

    Parameters
    ----------
    data
        The whole file, not packed.
    where
        Its name for messages.
    key
        The secret that pseudonyms and shifts come from.
    options
        Phantom or participant.

    Raises
    ------
    Refusal
        If it is no MR image that can be de-identified here; `code` says why.
    """
    try:
        with _quiet():
            return _cleaned(data, where, key, options)
    except QiqaError:
        raise
    except Exception as error:
        # pydicom raises what it pleases on damaged bytes; its words may quote the header, and one
        # file must not take the others down
        raise Refusal("unreadable", where) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let pydicom neither warn nor log: its messages quote values of the header."""
    from pydicom import config

    logger = logging.getLogger("pydicom")
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


def _cleaned(data: bytes, where: str, key: PseudonymKey, options: DeidOptions) -> Cleaned:
    source = _parsed(data, where)
    check_object(source, where)
    syntax = source.file_meta.get("TransferSyntaxUID", _EXPLICIT)
    tally = Tally()
    plan, scanner = _plan(source, where, key, options)
    tally.pixels_cleaned = clean_pixels(
        source, where, compressed=syntax.is_compressed, big_endian=syntax == _BIG_ENDIAN
    )
    made = clean_dataset(source, plan, tally)
    if plan.age:
        made.PatientAge = plan.age
    codes = _mark(made, plan, options)
    content = _written(made, str(syntax) if syntax.is_compressed else _EXPLICIT)
    return Cleaned(
        content=content,
        participant=plan.participant,
        scanner=scanner,
        parts=(
            plan.participant,
            str(made.StudyInstanceUID),
            str(made.SeriesInstanceUID),
            f"{made.SOPInstanceUID}.dcm",
        ),
        codes=codes,
        tally=tally,
    )


def _parsed(data: bytes, where: str) -> Dataset:
    from pydicom import dcmread
    from pydicom.uid import UID

    ds = dcmread(io.BytesIO(data), force=True)
    if "TransferSyntaxUID" not in ds.file_meta:
        implicit, little = ds.original_encoding
        syntax = "1.2.840.10008.1.2" if implicit else _EXPLICIT if little else _BIG_ENDIAN
        ds.file_meta.TransferSyntaxUID = UID(syntax)
    missing = [name for name in _NEEDED if not ds.get(name)]
    if missing:
        raise Refusal("unreadable", where, hint=f"{missing[0]} is missing")
    return ds


def _plan(
    ds: Dataset, where: str, key: PseudonymKey, options: DeidOptions
) -> tuple[Plan, str | None]:
    stated = (ds.get("PatientID"), ds.get("PatientName"), ds.get("StudyInstanceUID"))
    # `ANONYMOUS` in every file must not make one participant of all
    who = next((str(text).strip() for text in stated if not is_placeholder(str(text or ""))), None)
    if who is None:
        raise Refusal("no_identity", where)
    participant = participant_pseudonym(who, key)
    scanner = Scanner(
        manufacturer=named(_text(ds, "Manufacturer")),
        serial_number=named(_text(ds, "DeviceSerialNumber")),
    )
    serial = None if scanner.identity is None else serial_pseudonym(scanner.identity, key)
    if not options.phantom:
        days = shift_days(participant, key)
    elif options.shift_phantom_dates:
        days = shift_days(serial or participant, key)
    else:
        days = 0
    rules = load_rules()
    identity = identity_words(identity_texts(ds))
    if options.phantom:
        if _text(ds, "QualityControlSubject") == "NO":
            raise Refusal("person", where, hint="leave out --phantom")
        identity -= rules.words  # phantoms are called ACR and head
    dates = (_text(ds, f"{kind}Date") for kind in ("Study", "Series", "Acquisition", "Content"))
    examined = next((date for date in dates if date), "")
    plan = Plan(
        rules=rules,
        key=key,
        participant=participant,
        days=days,
        serial=serial,
        identity=identity,
        age=age(_text(ds, "PatientAge") or "", _text(ds, "PatientBirthDate") or "", examined),
    )
    return plan, pseudonym(scanner, key)


def _text(ds: Dataset, keyword: str) -> str | None:
    value = ds.get(keyword)
    text = "" if value is None else str(value).strip()
    return text or None


def _mark(made: Dataset, plan: Plan, options: DeidOptions) -> tuple[str, ...]:
    """Write into the data set that, and how, it was de-identified (PS3.15 E.1.1, item 6)."""
    from pydicom import Dataset

    kept_dates = plan.days == 0
    codes = ["113100", "113105", "113106" if kept_dates else "113107"]
    if "PatientAge" in made or made.get("PatientSex"):
        codes.append("113108")
    codes.append("113111")
    made.PatientIdentityRemoved = "YES"
    if options.phantom:
        made.QualityControlSubject = "YES"
    made.LongitudinalTemporalInformationModified = "UNMODIFIED" if kept_dates else "MODIFIED"
    made.DeidentificationMethod = [
        f"qiqa {__version__}"[:64],
        plan.rules.edition[:64],
        "phantom" if options.phantom else "participant",
    ]
    items = []
    for code in codes:
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", CODES[code]
        items.append(item)
    made.DeidentificationMethodCodeSequence = items
    return tuple(codes)


def _written(made: Dataset, syntax: str) -> bytes:
    """Return the bytes of a file with a new preamble and a new meta group."""
    from pydicom import dcmwrite
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = made.SOPClassUID
    meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    meta.TransferSyntaxUID = UID(syntax)
    meta.ImplementationClassUID = UID(_IMPLEMENTATION_UID)
    meta.ImplementationVersionName = "QIQA_DEID"
    made.file_meta = meta
    if syntax != _EXPLICIT:
        made["PixelData"].is_undefined_length = True
    target = io.BytesIO()
    dcmwrite(target, made, enforce_file_format=True)
    return target.getvalue()
