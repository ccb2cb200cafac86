"""`collect`: one acquisition that is spread over several series or files becomes one header.

Scanners store one series an inversion time, a flip angle or a b-value, and BIDS one file each.
What is put together must agree in everything but the one thing that was varied; what nearly does
is left as it is, and a finding says what is in the way.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Sequence

import numpy as np

from qiqa.core.canonical import digest
from qiqa.core.finding import Finding, Severity
from qiqa.core.series import Encoding, SeriesHeader
from qiqa.io.kinship import AXES, Axis, family, settings_agree
from qiqa.io.runs import Runs, runs_of

__all__ = ["COLLECTED", "collect"]

COLLECTED = "collection:"
"""What the identity of series that were put together begins with."""

_SAME_PLACE_MM = 1e-3
"""Largest difference of an element of two affines that count as one geometry."""
_NEAR_MM = 20.0
"""Stacks farther apart were placed apart on purpose: no finding."""


def collect(
    headers: Sequence[SeriesHeader],
) -> tuple[tuple[SeriesHeader, ...], tuple[Finding, ...]]:
    """Return headers with every acquisition in one, and what could not be put together.

    Put together are headers of one volume that agree in scanner, study (for NIfTI also in folder
    and BIDS entities), coil, reconstruction, kind of image, geometry and every setting but one:
    inversion time (the repetition time may then differ too), flip angle, b-value, echo time, or
    repetition time. Values rise, `Encoding.tr_ms` tells repetition times that differ. Two runs of
    one protocol stay two: by their names, or by the order in which they were acquired. The
    result has the identity `collection:` and a digest of its parts, so it is the same however
    the files were found; all other headers come back as they are, in their order.
    """
    # by number, since headers hold arrays and do not compare
    places = {id(header): number for number, header in enumerate(headers)}
    left = [header for header in headers if _may_join(header)]
    made: dict[int, SeriesHeader] = {}
    gone: set[int] = set()
    findings: list[Finding] = []
    for axis in AXES:
        for relatives in _relatives(left, axis):
            collections, notes = _settle(relatives, axis)
            findings += notes
            for members in collections:
                findings += _gains(members)
                numbers = [places[id(member)] for member in members]
                made[min(numbers)] = _merged(members, axis)
                gone.update(numbers)
        left = [header for header in left if places[id(header)] not in gone]
    kept = (made.get(n, h) for n, h in enumerate(headers) if n in made or n not in gone)
    return tuple(kept), tuple(findings)


def _may_join(header: SeriesHeader) -> bool:
    """Say whether a header is one volume of images; maps and conflicting copies stay alone."""
    kinds = ("magnitude", "phase", "real", "imaginary", "tracew", "trace")
    return header.shape[3] == 1 and header.copy is None and header.component in kinds


def _relatives(headers: list[SeriesHeader], axis: Axis) -> list[list[SeriesHeader]]:
    """Return lists of headers that agree in all but place and the value of `axis`."""
    found: list[list[SeriesHeader]] = []
    families: dict[tuple[object, ...], list[list[SeriesHeader]]] = {}
    for header in headers:
        kin = family(header, axis)
        if kin is None or axis.value(header) is None:
            continue
        alike = families.setdefault(kin, [])
        for group in alike:
            if settings_agree(group[0], header, axis):
                group.append(header)
                break
        else:
            alike.append([header])
    for alike in families.values():
        found += [group for group in alike if len({axis.rounded(h) for h in group}) > 1]
    return found


def _settle(
    relatives: list[SeriesHeader], axis: Axis
) -> tuple[list[list[SeriesHeader]], list[Finding]]:
    """Return the collections among relatives, and what stands in the way of others."""
    places: list[list[SeriesHeader]] = []
    for header in relatives:
        for place in places:
            if _same_geometry(place[0], header):
                place.append(header)
                break
        else:
            places.append([header])
    collections: list[list[SeriesHeader]] = []
    findings: list[Finding] = []
    for place in places:
        runs = runs_of(place, axis)
        collections += runs.collections
        findings += _ambiguous(runs, axis)
    findings += _shifted(places, axis)
    return collections, findings


def _same_geometry(a: SeriesHeader, b: SeriesHeader) -> bool:
    return a.shape[:3] == b.shape[:3] and bool(np.abs(a.affine - b.affine).max() <= _SAME_PLACE_MM)


def _ambiguous(runs: Runs, axis: Axis) -> list[Finding]:
    if runs.trouble is None:
        return []
    names = ", ".join(dict.fromkeys(str(h.description) for h in runs.apart[:4]))
    text = (
        f"{len(runs.apart)} series ({names}) differ only in {axis.words}, but {runs.trouble}: "
        "they are left as separate series"
    )
    hint = "give only the series of one run"
    return [_finding("not_collected", runs.apart[0], text, hint)]


def _shifted(places: list[list[SeriesHeader]], axis: Axis) -> list[Finding]:
    """Tell of lone headers that would join a collection if they lay at the same place."""
    collected = [place for place in places if len(place) > 1]
    findings = []
    for lone in (place[0] for place in places if len(place) == 1):
        others = [place for place in collected if place[0].shape[:3] == lone.shape[:3]]
        near = min(others, key=lambda place: _distance_mm(place[0], lone), default=None)
        if near is None or axis.rounded(lone) in {axis.rounded(header) for header in near}:
            continue
        distance = _distance_mm(near[0], lone)
        if distance > _NEAR_MM:
            continue
        text = (
            f"{lone.description} ({axis.words} {axis.value(lone):g} {axis.unit}) has the settings "
            f"of {len(near)} series like {near[0].description}, but its slices lie up to "
            f"{distance:.3g} mm away from theirs: it is left out of the collection"
        )
        hint = "only images of the same slices can be fitted together"
        findings.append(_finding("not_collected", lone, text, hint))
    return findings


def _gains(members: Sequence[SeriesHeader]) -> list[Finding]:
    """Tell where the scanner adjusted its transmitter between the parts of a collection."""
    gains = sorted({m.acquisition.transmit_gain or "" for m in members} - {""})
    if len(gains) < 2:
        return []
    text = (
        f"the transmitter was adjusted between series ({', '.join(gains[:4])}): flip angles and "
        "the scale of the signal may differ from one to the next"
    )
    hint = "acquire all series of a map with one adjustment"
    return [_finding("transmit_gain_changed", members[0], text, hint)]


def _finding(code: str, header: SeriesHeader, text: str, hint: str) -> Finding:
    return Finding(
        code=code,
        severity=Severity.WARNING,
        message=text,
        where=header.description or header.paths[0],
        hint=hint,
        series_uid=header.series_uid,
    )


def _distance_mm(a: SeriesHeader, b: SeriesHeader) -> float:
    """Return the largest distance between the same corners of two stacks [mm]."""
    ends = [(0, n - 1) for n in a.shape[:3]]
    corners = np.array([(i, j, k, 1) for i in ends[0] for j in ends[1] for k in ends[2]])
    difference = (a.affine - b.affine)[:3] @ corners.T
    return float(np.linalg.norm(difference, axis=0).max())


def _merged(members: Sequence[SeriesHeader], axis: Axis) -> SeriesHeader:
    """Return one header for members in the order of their values."""
    first = members[0]
    moments = [m.acquisition.acquired_at for m in members if m.acquisition.acquired_at is not None]
    identity = digest([[member.series_uid, member.key] for member in members])
    return dataclasses.replace(
        first,
        series_uid=f"{COLLECTED}{identity[:32]}",
        description=_common_words([m.description for m in members]),
        acquisition=dataclasses.replace(first.acquisition, acquired_at=min(moments, default=None)),
        shape=(*first.shape[:3], len(members)),
        encoding=_encoding(members, axis),
        frames=tuple(member.frames[0] for member in members),
    )


def _encoding(members: Sequence[SeriesHeader], axis: Axis) -> Encoding:
    directions = None
    if any(member.encoding.directions for member in members):
        none = ((0.0, 0.0, 0.0),)
        directions = tuple((member.encoding.directions or none)[0] for member in members)
    times = [member.acquisition.tr_ms for member in members]
    known = [time for time in times if time is not None]
    differ = len(known) == len(times) and max(known) - min(known) > 1e-3 * max(known)
    return Encoding(
        name=axis.name,
        values=tuple(axis.value(member) or 0.0 for member in members),
        unit=axis.unit,
        directions=directions,
        tr_ms=tuple(known) if differ else None,
    )


def _common_words(names: Sequence[str | None]) -> str | None:
    """Return what names begin with in common, without the number that follows."""
    stated = [name for name in names if name]
    if len(set(stated)) < 2:
        return names[0]
    common = re.sub(r"[\s_\-=0-9.]+\Z", "", _common_start(stated))
    return common if len(common) > 1 else names[0]


def _common_start(texts: Sequence[str]) -> str:
    columns = zip(*texts, strict=False)
    alike = itertools.takewhile(lambda letters: len(set(letters)) == 1, columns)
    return "".join(letters[0] for letters in alike)
