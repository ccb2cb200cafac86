"""Series to the columns of a table that checks of a whole set see."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from qiqa.core.space import Space
from qiqa.core.vet_table import GRID, VetTable
from qiqa.core.vetting import Examined, Observation, SeriesFacts, SeriesSummary
from qiqa.core.words import DigestsSoFar, Texts, WordsSoFar
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
_DIGESTS = ("instance_uids", "patient")
"""Texts that are 16 digits of a hash, nearly each series another one."""
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


def tabulate(summaries: Iterable[SeriesSummary], n: int, space: Space = np.zeros) -> VetTable:
    """Return the table of a set.

    Parameters
    ----------
    summaries
        In the order of their series UIDs; each is looked at once.
    n
        How many there are.
    space
        Where its columns are made.
    """
    rows = _Columns(n, space)
    with np.errstate(over="ignore"):  # a feature beyond single precision is infinite
        for row, one in enumerate(summaries):
            rows.put(row, one)
    return rows.table()


class _Columns:
    """Columns of n rows; one begins where a value is first seen."""

    def __init__(self, n: int, space: Space) -> None:
        self.n, self.space = n, space
        self.paths = Texts(space=space)
        self.uids = Texts(space=space)
        self.days = self._filled(np.int64, _NAT)
        self.texts: dict[str, WordsSoFar] = {}
        self.numbers: dict[str, NDArray[np.float64]] = {}
        self.features: dict[str, NDArray[np.float32]] = {}
        self.signatures: NDArray[np.uint8] | None = None
        """The first signature that is there says how long all are."""

    def _filled(self, dtype: DTypeLike, value: float) -> NDArray[Any]:
        made = self.space((self.n,), dtype)
        made.fill(value)
        return made

    def put(self, row: int, one: SeriesSummary) -> None:
        """Set a row."""
        self.paths.append(one.path)
        self.uids.append(one.series_uid)
        if one.date:
            self.days[row] = dt.date.fromisoformat(one.date).toordinal() - _EPOCH
        for name, text in one.texts.items():
            if name not in self.texts:
                made = DigestsSoFar if name in _DIGESTS else WordsSoFar
                self.texts[name] = made(self.n, self.space)
            self.texts[name].put(row, text)
        for name, value in one.numbers.items():
            if name not in self.numbers:
                self.numbers[name] = self._filled(np.float64, math.nan)
            self.numbers[name][row] = value
        for name, value in one.examined.features.items():
            if name not in self.features:
                self.features[name] = self._filled(np.float32, math.nan)
            self.features[name][row] = value
        if one.examined.signature:
            self._sign(row, np.frombuffer(one.examined.signature, dtype=np.uint8))

    def _sign(self, row: int, signature: NDArray[np.uint8]) -> None:
        if self.signatures is None:
            self.signatures = self.space((self.n, signature.size), np.uint8)
        own = signature[: self.signatures.shape[1]]
        self.signatures[row, : own.size] = own

    def table(self) -> VetTable:
        """Return all rows."""
        names = tuple(sorted(self.features))
        values = self.space((len(names), self.n), np.float32)
        for j, name in enumerate(names):
            values[j] = self.features.pop(name)
        return VetTable(
            path=self.paths,
            series_uid=self.uids,
            texts={name: self.texts.pop(name).words() for name in sorted(self.texts)},
            numbers=dict(sorted(self.numbers.items())),
            date=self.days.view("datetime64[D]"),
            features=names,
            values=values.T,
            signatures=self.signatures,
            space=self.space,
        )
