"""Series to the columns of a table that checks of a whole set see."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Iterable, Mapping

import numpy as np

from qiqa.core.vetting import (
    Examined,
    Observation,
    SeriesFacts,
    SeriesSummary,
    TextArray,
    VetTable,
)

__all__ = ["summarize", "tabulate"]

_TEXTS = {
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "software": "SoftwareVersions",
    "modality": "Modality",
    "protocol": "ProtocolName",
    "description": "SeriesDescription",
    "body_part": "BodyPartExamined",
    "sex": "PatientSex",
    "coil": "ReceiveCoilName",
    "phase_direction": "InPlanePhaseEncodingDirection",
    "sequence": "SequenceName",
    "image_type": "ImageType",
    "pseudonym": "pseudonym",
}
_NUMBERS = {
    "field_t": "MagneticFieldStrength",
    "tr_ms": "RepetitionTime",
    "te_ms": "EchoTime",
    "ti_ms": "InversionTime",
    "flip_deg": "FlipAngle",
    "echo_train": "EchoTrainLength",
    "averages": "NumberOfAverages",
    "bandwidth_hz": "PixelBandwidth",
    "thickness_mm": "SliceThickness",
    "slice_spacing_mm": "SpacingBetweenSlices",
    "pixel_mm": "PixelSpacing",
    "acceleration": "ParallelReductionFactorInPlane",
    "age": "PatientAge",
    "rows": "Rows",
    "columns": "Columns",
}
_COUNTS = {"echo_count": "EchoTime", "b_count": "DiffusionBValue"}
_DATES = ("AcquisitionDate", "SeriesDate", "StudyDate", "ContentDate")


def summarize(facts: SeriesFacts, seen: Examined, before: tuple[Observation, ...]) -> SeriesSummary:
    """Return what is kept of a series.

    Parameters
    ----------
    facts
        What its headers say.
    seen
        By checks of its pixels.
    before
        By checks of its files and headers.
    """
    texts = {name: facts.text(keyword) for name, keyword in _TEXTS.items()}
    texts |= {"patient": facts.patient_hash, "site": facts.site, "scanner": facts.scanner}
    texts["study"] = facts.study_uid
    texts["instance_uids"] = _instances(facts)
    numbers = {name: facts.number(keyword) for name, keyword in _NUMBERS.items()}
    numbers |= _counted(facts)
    observations = sorted({*before, *seen.observations}, key=lambda o: (o.code, o.where, o.value))
    return SeriesSummary(
        path=facts.path,
        series_uid=facts.series_uid,
        texts={name: text for name, text in texts.items() if text},
        numbers={name: value for name, value in numbers.items() if math.isfinite(value)},
        date=_day(facts),
        files=len(facts.instances),
        size=facts.size,
        examined=Examined(
            observations=tuple(observations),
            features=seen.features,
            signature=seen.signature,
            thumbnail=seen.thumbnail,
        ),
    )


def _instances(facts: SeriesFacts) -> str:
    """Return a digest of the images' own UIDs: the same where two series hold the same images."""
    uids = sorted({one.sop_uid for one in facts.instances if one.sop_uid})
    return hashlib.sha256("\n".join(uids).encode()).hexdigest()[:16] if uids else ""


def _counted(facts: SeriesFacts) -> dict[str, float]:
    """Return how many echoes and b-values a series has, and the highest b-value."""
    made = {
        name: float(len(values))
        for name, keyword in _COUNTS.items()
        if (values := facts.attributes.get(keyword, ()))
    }
    b_values = [v for v in facts.attributes.get("DiffusionBValue", ()) if not isinstance(v, str)]
    return {**made, "b_value": max(b_values)} if b_values else made


def _day(facts: SeriesFacts) -> str:
    for keyword in _DATES:
        text = facts.text(keyword)[:8]
        try:
            return dt.datetime.strptime(text, "%Y%m%d").date().isoformat()
        except ValueError:
            continue
    return ""


def tabulate(summaries: Iterable[SeriesSummary]) -> VetTable:
    """Return the table of a set.

    Parameters
    ----------
    summaries
        In the order of their series UIDs; each is looked at once.
    """
    rows = _Columns()
    for one in summaries:
        rows.add(one)
    return rows.table()


class _Columns:
    """Columns that grow; a column begins where a value is first seen."""

    def __init__(self) -> None:
        self.count = 0
        self.paths: list[str] = []
        self.uids: list[str] = []
        self.dates: list[str] = []
        self.texts: dict[str, tuple[dict[str, int], list[int]]] = {}
        self.numbers: dict[str, list[float]] = {}
        self.features: dict[str, list[float]] = {}
        self.signatures: list[bytes] = []

    def add(self, one: SeriesSummary) -> None:
        """Add a row."""
        self.paths.append(one.path)
        self.uids.append(one.series_uid)
        self.dates.append(one.date)
        self.signatures.append(one.examined.signature)
        for name, text in one.texts.items():
            known, codes = self.texts.setdefault(name, ({"": 0}, []))
            codes.extend([0] * (self.count - len(codes)))
            # one copy of each word: a million rows have few
            codes.append(known.setdefault(text, len(known)))
        self._numbers(self.numbers, one.numbers)
        self._numbers(self.features, one.examined.features)
        self.count += 1

    def _numbers(self, columns: dict[str, list[float]], values: Mapping[str, float]) -> None:
        for name, value in values.items():
            column = columns.setdefault(name, [])
            column.extend([math.nan] * (self.count - len(column)))
            column.append(value)

    def table(self) -> VetTable:
        """Return all rows."""
        n = self.count
        for _, codes in self.texts.values():
            codes.extend([0] * (n - len(codes)))
        for columns in (self.numbers, self.features):
            for column in columns.values():
                column.extend([math.nan] * (n - len(column)))
        names = tuple(sorted(self.features))
        values = np.full((n, len(names)), np.nan, dtype=np.float32)
        for j, name in enumerate(names):
            values[:, j] = self.features[name]
        return VetTable(
            path=np.array(self.paths, dtype=np.str_),
            series_uid=np.array(self.uids, dtype=np.str_),
            texts={name: _words(*pair) for name, pair in sorted(self.texts.items())},
            numbers={k: np.array(v, dtype=np.float64) for k, v in sorted(self.numbers.items())},
            date=np.array([day or "NaT" for day in self.dates], dtype="datetime64[D]"),
            features=names,
            values=values,
            signatures=_signatures(self.signatures),
        )


def _words(known: Mapping[str, int], codes: list[int]) -> TextArray:
    return np.array(list(known), dtype=np.str_)[np.array(codes, dtype=np.intp)]


def _signatures(signatures: list[bytes]) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]] | None:
    length = max((len(one) for one in signatures), default=0)
    if length == 0:
        return None
    whole = b"".join(one.ljust(length, b"\0") for one in signatures)
    return np.frombuffer(whole, dtype=np.uint8).reshape(len(signatures), length)
