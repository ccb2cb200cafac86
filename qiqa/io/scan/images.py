"""One image object as an `Instance`: its place, its encoding, and where its pixels are."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from qiqa.core.scanner import Acquisition
from qiqa.core.vetting import Instance
from qiqa.io import dialects
from qiqa.io.elements import Element
from qiqa.io.header import Header
from qiqa.io.plane import Reading
from qiqa.io.scan.readable import kind_of, needed_bytes
from qiqa.io.scan.record import B_VALUES, Record
from qiqa.io.scan.values import Decoder, Raw, letters
from qiqa.io.tags import TAGS

__all__ = ["Form", "Images"]

_NAN = float("nan")


def _tag(keyword: str) -> int:
    return TAGS[keyword][0]


_POSITION, _ORIENTATION = _tag("ImagePositionPatient"), _tag("ImageOrientationPatient")
_SPACING, _NUMBER, _UID = _tag("PixelSpacing"), _tag("InstanceNumber"), _tag("SOPInstanceUID")
_ROWS, _COLUMNS, _FRAMES = _tag("Rows"), _tag("Columns"), _tag("NumberOfFrames")
_BITS, _SIGNED, _SAMPLES = (
    _tag("BitsAllocated"),
    _tag("PixelRepresentation"),
    _tag("SamplesPerPixel"),
)
_SLOPE, _INTERCEPT, _TYPE = _tag("RescaleSlope"), _tag("RescaleIntercept"), _tag("ImageType")
_ECHO, _EFFECTIVE = _tag("EchoTime"), _tag("EffectiveEchoTime")
_INVERSION, _INVERSIONS, _FLIP = _tag("InversionTime"), _tag("InversionTimes"), _tag("FlipAngle")
_TEMPORAL, _TEMPORAL_INDEX = _tag("TemporalPositionIdentifier"), _tag("TemporalPositionIndex")
_B, _MAKER = _tag("DiffusionBValue"), _tag("Manufacturer")
_DATE, _TIME, _MOMENT = (
    _tag("AcquisitionDate"),
    _tag("AcquisitionTime"),
    _tag("AcquisitionDateTime"),
)
_FRAME_MOMENT = _tag("FrameAcquisitionDateTime")
_TILED = frozenset(("MOSAIC", "VFRAME"))
_PLAIN_BITS = (8, 16, 32)


@dataclasses.dataclass(frozen=True, slots=True)
class Form:
    """What most files of a series have in common."""

    fields: Mapping[str, Any]
    """Of `Instance`."""
    needed: int
    """Bytes that plain pixels take; 0 where the description is impossible."""
    kind: str | None
    """What it is if it is no image to be measured."""
    localizer: bool
    in_place: bool
    """Whether pixels of this form, if they are not packed, can be taken by their offset."""


@dataclasses.dataclass(slots=True)
class Images:
    """Makes instances; remembers the forms it has seen, and vendors' b-values."""

    forms: dict[tuple[Raw | str | bool | None, ...], Form] = dataclasses.field(default_factory=dict)
    b_values: dict[tuple[Raw, ...], float] = dataclasses.field(default_factory=dict)

    def form(self, record: Record, decoder: Decoder) -> Form:
        """Return the form of one file, worked out once for each set of elements."""
        found, pixels = record.found, record.pixels is not None
        key = (*map(found.get, _OF_FORM), decoder.charset, pixels, record.syntax.little)
        form = self.forms.get(key)
        if form is None:
            form = self.forms[key] = self._form(record, decoder)
        return form

    def _form(self, record: Record, decoder: Decoder) -> Form:
        get, whole, values = record.found.get, decoder.whole, decoder.values
        bits, samples, frames = whole(get(_BITS)) or 0, whole(get(_SAMPLES)), whole(get(_FRAMES))
        types, slope = values(get(_TYPE)), decoder.number(get(_SLOPE))
        fields = {
            "orientation": _numbers(values(get(_ORIENTATION)), 6),
            "axis": self._axis(record.found, decoder),
            "rows": whole(get(_ROWS)) or 0,
            "columns": whole(get(_COLUMNS)) or 0,
            "frames": 1 if frames is None else frames,
            "bits": bits,
            "signed": whole(get(_SIGNED)) == 1,
            "samples": 1 if samples is None else samples,
            "slope": 1.0 if slope is None or slope == 0.0 else slope,
            "intercept": decoder.number(get(_INTERCEPT)) or 0.0,
            "spacing_mm": _two(values(get(_SPACING))),
            "little": record.syntax.little,
        }
        return Form(
            fields=fields,
            needed=needed_bytes(record, decoder),
            kind=kind_of(record, decoder),
            localizer="LOCALIZER" in types,
            in_place=_TILED.isdisjoint(types)
            and bits in _PLAIN_BITS
            and samples in (None, 1)
            and frames in (None, 1),
        )

    def of(self, record: Record, decoder: Decoder, path: str, form: Form) -> Instance:
        """Return the instance of one file.

        Parameters
        ----------
        record, decoder
            Its elements, and what decodes them.
        path
            Below the folder given.
        form
            Of the record.
        """
        get, pixels = record.found.get, record.pixels
        plain = (
            pixels is not None
            and form.in_place
            and record.plain
            and record.in_place
            and not pixels.floating
            and 0 < form.needed <= (record.available or 0)
        )
        return Instance(
            path=path,
            size=record.size,
            sop_uid=decoder.text(get(_UID)),
            position_mm=_three(decoder.values(get(_POSITION))),
            instance_number=decoder.whole(get(_NUMBER)),
            moment=_moment(record.found, decoder),
            pixel_offset=pixels.offset if plain and pixels is not None else -1,
            pixel_length=form.needed,
            **form.fields,
        )

    def _axis(self, found: Mapping[int, Raw], decoder: Decoder) -> tuple[float, ...]:
        def first(*tags: int) -> float:
            numbers = (decoder.number(found.get(tag)) for tag in tags)
            return next((number for number in numbers if number is not None), _NAN)

        b_value = first(_B)
        return (
            first(_EFFECTIVE, _ECHO),
            self._private_b(found, decoder) if math.isnan(b_value) else b_value,
            first(_INVERSIONS, _INVERSION),
            first(_FLIP),
            first(_TEMPORAL_INDEX, _TEMPORAL),
        )

    def _private_b(self, found: Mapping[int, Raw], decoder: Decoder) -> float:
        """Return the b-value of the vendor's own elements, NaN where there is none."""
        raws = tuple(found[tag] for tag in _OF_B if tag in found)
        if len(raws) < 3:  # the maker, who reserved the block, the value
            return _NAN
        value = self.b_values.get(raws)
        if value is None:
            elements = {
                tag: Element(letters(vr), memoryview(data), decoder.syntax)
                for tag, vr, data in raws
            }
            header = Header(elements, decoder.charset)
            _, dialect = dialects.of(header)
            reading = Reading(acquisition=Acquisition())
            refined = dialect.refine(header, reading) if hasattr(dialect, "refine") else reading
            value = self.b_values[raws] = _NAN if refined.b_value is None else refined.b_value
        return value


_OF_B = (_MAKER, *sorted(B_VALUES))
_OF_FORM = (
    *(_BITS, _SAMPLES, _FRAMES, _TYPE, _SLOPE, _ORIENTATION, _ROWS, _COLUMNS, _SIGNED, _INTERCEPT),
    *(_SPACING, _ECHO, _EFFECTIVE, _INVERSION, _INVERSIONS, _FLIP, _TEMPORAL, _TEMPORAL_INDEX, _B),
    *(_tag("SOPClassUID"), *_OF_B),
)


def _numbers(values: tuple[float | str, ...], count: int) -> tuple[float, ...] | None:
    """Return so many numbers, or None where there are more, fewer or others."""
    found = tuple(value for value in values if isinstance(value, float))
    return found if len(found) == len(values) == count else None


def _three(values: tuple[float | str, ...]) -> tuple[float, float, float] | None:
    found = _numbers(values, 3)
    return None if found is None else (found[0], found[1], found[2])


def _two(values: tuple[float | str, ...]) -> tuple[float, float] | None:
    found = _numbers(values, 2)
    return None if found is None else (found[0], found[1])


def _moment(found: Mapping[int, Raw], decoder: Decoder) -> str:
    """Return when it was acquired, to the second, as YYYYMMDDHHMMSS; empty where not stated."""
    for tag in (_MOMENT, _FRAME_MOMENT):
        text = decoder.text(found.get(tag))
        if text:
            return text.partition(".")[0][:14]
    date, time = decoder.text(found.get(_DATE)), decoder.text(found.get(_TIME))
    if not date:
        return ""
    return (date.replace(".", "") + time.replace(":", "").partition(".")[0])[:14]
