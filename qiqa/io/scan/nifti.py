"""A NIfTI file with what stands beside it: a series of its own."""

from __future__ import annotations

import json
import math
from pathlib import PurePath

from qiqa.core.errors import ReadError
from qiqa.core.pseudonyms import PseudonymKey
from qiqa.core.series import SeriesHeader
from qiqa.core.vetting import Instance, Observation, SeriesFacts
from qiqa.io.bids import bids_name
from qiqa.io.elements import Syntax
from qiqa.io.nifti import nifti_header_and_affine, siblings
from qiqa.io.scan.attributes import Value, kept
from qiqa.io.scan.gathering import patient_hash, together
from qiqa.io.scan.identity import Watch
from qiqa.io.scan.persons import personal
from qiqa.io.scan.record import Record
from qiqa.io.scan.values import Decoder
from qiqa.io.sources import Archives, Blob
from qiqa.io.tags import TAGS

__all__ = ["nifti_facts"]

_AXES = ("echo_time", "b_value", "inversion_time", "flip_angle")


def nifti_facts(
    name: str, blob: Blob, archives: Archives, key: PseudonymKey, watch: Watch
) -> SeriesFacts:
    """Return the facts of one NIfTI file, as its header and its BIDS sidecar state them.

    The participant is the `sub-` of a BIDS name, else the patient of the sidecar.

    Parameters
    ----------
    name
        Below the folder given.
    blob, archives
        The file.
    key
        For the hash of the participant.
    watch
        Looks at the sidecar: converters copy names into it when asked to keep them.
    """
    uid = f"nifti:{name}"
    decoder = Decoder("utf-8", Syntax())
    record = _sidecar_record(blob, archives, decoder)
    seen_of_person = tuple(watch.look(record, decoder, name))
    who = _participant(name, record, decoder, key)
    try:
        header, affine = nifti_header_and_affine(blob, archives)
    except ReadError as error:
        short = "announced" in error.message or "too early" in error.message
        seen = Observation(
            code="truncated" if short else "unreadable", evidence=error.message, where=name
        )
        return SeriesFacts(
            path=name,
            series_uid=uid,
            patient_hash=who,
            instances=(Instance(path=name, size=blob.size),),
            observations=together([*seen_of_person, seen]),
        )
    return SeriesFacts(
        path=name,
        series_uid=uid,
        study_uid=header.study_uid or "",
        patient_hash=who,
        site=header.scanner.site or "",
        scanner=header.scanner.identity or "",
        attributes=_attributes(name, header),
        instances=(_instance(name, blob.size, header),),
        observations=together(seen_of_person),
        grid=(*map(float, header.shape), *map(float, affine[:3].ravel())),
    )


def _sidecar_record(blob: Blob, archives: Archives, decoder: Decoder) -> Record:
    """Return what the sidecar says in attributes of DICOM, as if a header said it."""
    try:
        values = json.loads(siblings(blob, archives).get("json", b"{}"))
    except (ValueError, RecursionError):  # the reader says what is wrong with it
        values = {}
    tables = personal()
    wanted = {**tables.names, **tables.others, **tables.texts}
    asked = {keyword: tag for tag, keyword in wanted.items()}
    asked |= {keyword: TAGS[keyword][0] for keyword in ("PatientID", "PatientIdentityRemoved")}
    found = {
        tag: (tag, 0, str(values[keyword]).encode("utf-8", "replace"))
        for keyword, tag in asked.items()
        if isinstance(values, dict) and isinstance(values.get(keyword), str | int)
    }
    return Record(
        size=blob.size,
        transfer_syntax="",
        syntax=decoder.syntax,
        charset=decoder.charset,
        found=found,
    )


def _participant(name: str, record: Record, decoder: Decoder, key: PseudonymKey) -> str:
    bids = bids_name(name)
    subject = "" if bids is None else bids.entities.get("sub", "")
    if subject:
        return patient_hash(key, "", f"sub-{subject}", "", "")
    stated = (
        decoder.text(record.found.get(TAGS[keyword][0]))
        for keyword in ("PatientID", "PatientName", "PatientBirthDate")
    )
    return patient_hash(key, "", *stated)


def _instance(name: str, size: int, header: SeriesHeader) -> Instance:
    columns, rows, slices, volumes = header.shape
    moment = header.acquisition.acquired_at
    di, dj, _ = header.voxel_size_mm
    return Instance(
        path=name,
        size=size,
        moment="" if moment is None else f"{moment:%Y%m%d%H%M%S}",
        axis=_axis(header),
        rows=rows,
        columns=columns,
        frames=slices * volumes,
        spacing_mm=(dj, di),
    )


def _axis(header: SeriesHeader) -> tuple[float, ...]:
    a, encoding = header.acquisition, header.encoding
    stated = {"echo_time": a.te_ms, "inversion_time": a.ti_ms, "flip_angle": a.flip_angle_deg}
    if len(encoding.values) == 1 and encoding.name in _AXES:
        stated[encoding.name] = encoding.values[0]
    found = (stated.get(axis) for axis in _AXES)
    return (*(float("nan") if value is None else value for value in found), float("nan"))


def _attributes(name: str, header: SeriesHeader) -> dict[str, tuple[Value, ...]]:
    scanner, a = header.scanner, header.acquisition
    single: dict[str, Value | None] = {
        "Modality": header.modality,
        "SeriesDescription": header.description,
        "Manufacturer": scanner.manufacturer,
        "ManufacturerModelName": scanner.model,
        "MagneticFieldStrength": scanner.field_strength_t,
        "SoftwareVersions": a.software,
        "ReceiveCoilName": a.coil,
        "SequenceName": a.sequence,
        "RepetitionTime": a.tr_ms,
        "EchoTime": a.te_ms,
        "InversionTime": a.ti_ms,
        "FlipAngle": a.flip_angle_deg,
        "EchoTrainLength": None if a.echo_train_length is None else float(a.echo_train_length),
        "NumberOfAverages": a.averages,
        "PixelBandwidth": a.pixel_bandwidth_hz,
        "SliceThickness": a.slice_thickness_mm,
        "SpacingBetweenSlices": a.slice_spacing_mm,
        "ParallelReductionFactorInPlane": a.acceleration,
        "InPlanePhaseEncodingDirection": a.phase_encode_direction,
        "PatientPosition": a.patient_position,
        "Columns": float(header.shape[0]),
        "Rows": float(header.shape[1]),
        "AcquisitionDate": None if a.acquired_at is None else f"{a.acquired_at:%Y%m%d}",
    }
    found: dict[str, tuple[Value, ...]] = {
        keyword: (value,) for keyword, value in single.items() if value is not None
    }
    # BIDS keeps what was computed in a folder of this name; DICOM has a word for it
    if header.derived or "derivatives" in PurePath(name).parts[:-1]:
        found["ImageType"] = ("DERIVED",)
    if header.encoding.name == "b_value":
        found["DiffusionBValue"] = kept({float(value) for value in header.encoding.values})
    return {k: v for k, v in sorted(found.items()) if not _unknown(v[0])}


def _unknown(value: Value) -> bool:
    return isinstance(value, float) and math.isnan(value)
