"""Series to the columns of a table that checks of a whole set see."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from array import array
from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from qiqa.core.vet_table import GRID, VetTable
from qiqa.core.vetting import Examined, Observation, SeriesFacts, SeriesSummary
from qiqa.core.words import Texts, WordsSoFar
from qiqa.vetting.standing import seen_digest

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
_EPOCH = dt.date(1970, 1, 1).toordinal()
_NAT = int(np.datetime64("NaT").astype(np.int64))
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
    texts["modality"] = seen.modality or texts["modality"]
    numbers = {name: facts.number(keyword) for name, keyword in _NUMBERS.items()}
    numbers |= _counted(facts)
    numbers |= dict(zip(GRID, facts.grid, strict=False))
    observations = sorted({*before, *seen.observations}, key=lambda o: (o.code, o.where, o.value))
    return SeriesSummary(
        path=facts.path,
        series_uid=facts.series_uid,
        texts={name: text for name, text in texts.items() if text},
        numbers={name: value for name, value in numbers.items() if math.isfinite(value)},
        date=_day(facts),
        files=len(facts.instances),
        size=facts.size,
        seen=seen_digest(len(facts.instances), facts.size, seen.signature, observations),
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
        self.paths = Texts()
        self.uids = Texts()
        self.days = array("q")
        self.texts: dict[str, WordsSoFar] = {}
        self.numbers: dict[str, array[float]] = {}
        self.features: dict[str, array[float]] = {}
        self.signatures = _Signatures()

    def add(self, one: SeriesSummary) -> None:
        """Add a row."""
        self.paths.append(one.path)
        self.uids.append(one.series_uid)
        self.days.append(dt.date.fromisoformat(one.date).toordinal() - _EPOCH if one.date else _NAT)
        self.signatures.append(one.examined.signature)
        for name, text in one.texts.items():
            self.texts.setdefault(name, WordsSoFar()).put(self.count, text)
        self._numbers(self.numbers, one.numbers, "d")
        self._numbers(self.features, one.examined.features, "f")
        self.count += 1

    def _numbers(
        self, columns: dict[str, array[float]], values: Mapping[str, float], kind: str
    ) -> None:
        for name, value in values.items():
            column = columns.setdefault(name, array(kind))
            column.extend([math.nan] * (self.count - len(column)))
            column.append(value)

    def table(self) -> VetTable:
        """Return all rows."""
        n = self.count
        for texts in self.texts.values():
            texts.fill(n)
        for columns in (self.numbers, self.features):
            for column in columns.values():
                column.extend([math.nan] * (n - len(column)))
        names = tuple(sorted(self.features))
        values = np.empty((n, len(names)), dtype=np.float32)
        for j, name in enumerate(names):
            values[:, j] = self.features.pop(name)
        return VetTable(
            path=self.paths,
            series_uid=self.uids,
            texts={name: self.texts.pop(name).words() for name in sorted(self.texts)},
            numbers={k: np.array(v) for k, v in sorted(self.numbers.items())},
            date=np.array(self.days, dtype=np.int64).view("datetime64[D]"),
            features=names,
            values=values,
            signatures=self.signatures.whole(),
        )


class _Signatures:
    """Signatures of one length; none is zeros. The first that is there says how long all are."""

    def __init__(self) -> None:
        self.length = self.empty = 0
        self.bytes = bytearray()

    def append(self, one: bytes) -> None:
        """Add that of a row."""
        if one and not self.length:
            self.length = len(one)
            self.bytes.extend(bytes(self.empty * self.length))
        self.empty += not self.length
        self.bytes.extend(one[: self.length].ljust(self.length, b"\0"))

    def whole(self) -> NDArray[np.uint8] | None:
        """Return (n, bytes), or None where there is none at all."""
        if not self.length:
            return None
        return np.frombuffer(self.bytes, dtype=np.uint8).reshape(-1, self.length)
