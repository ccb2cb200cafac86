"""Names of parameter maps in a BIDS derivative data set."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

from qiqa.core.errors import UsageError
from qiqa.core.maps import Parameter, ParameterMaps
from qiqa.core.series import SeriesHeader
from qiqa.io.bids import bids_name

__all__ = ["MapFile", "checked_entities", "entities_of", "layout", "leftovers"]

_DATATYPES = {
    **dict.fromkeys(("T1map", "T2map", "T2starmap", "R1map", "R2map", "R2starmap"), "anat"),
    **dict.fromkeys(("M0map", "S0map", "PDmap"), "anat"),
    **dict.fromkeys(("ADC", "FA"), "dwi"),
    "TB1map": "fmap",
}
"""Suffixes of BIDS 1.11 for parameter maps that qiqa estimates, and the folder they lie in."""
_IN_DWI = ("ADC", "FA", "S0map")
_ANY = "S0map"
"""Suffix of what BIDS has no suffix for; `desc` says what it is."""
_ENTITIES = ("sub", "ses", "acq", "rec", "run")
"""Those that names of all kinds of maps may have, in the order of BIDS."""
_LABEL = re.compile(r"[0-9A-Za-z]+\Z")
_INDEX = re.compile(r"[0-9]+\Z")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MapFile:
    """One file of a fit."""

    path: str
    """Below the data set, without extension."""
    kind: str
    """`estimate`, `standard_error`, `covariance`, `residual`, `points` or `status`."""
    parameter: Parameter | None = None


def entities_of(header: SeriesHeader | None) -> dict[str, str]:
    """Return the entities that names of maps take over from the images; subject 01 if none."""
    named = None
    if header is not None:
        source = header.frames[0][0]
        named = bids_name(source.member or source.path)
    if named is None:
        return {"sub": "01"}
    return {key: named.entities[key] for key in _ENTITIES if key in named.entities}


def checked_entities(given: Mapping[str, str]) -> dict[str, str]:
    """Return entities in the order of BIDS.

    Raises
    ------
    UsageError
        If the subject is missing, an entity is not allowed, or a label is no label.
    """
    unknown = [key for key in given if key not in _ENTITIES]
    if unknown:
        text = f"{unknown[0]!r} is no entity of a parameter map; allowed are {list(_ENTITIES)}"
        raise UsageError(text, where="entities")
    if "sub" not in given:
        raise UsageError("no subject is given", where="entities", hint='give {"sub": "01"}')
    for key, label in given.items():
        if not (_INDEX if key == "run" else _LABEL).match(label):
            allowed = "digits" if key == "run" else "letters and digits"
            raise UsageError(f"{key} is {label!r}; allowed are {allowed}", where="entities")
    return {key: given[key] for key in _ENTITIES if key in given}


def layout(maps: ParameterMaps, entities: Mapping[str, str]) -> tuple[MapFile, ...]:
    """Return all files of a fit, the map of the first parameter first.

    That one has the plain name (`sub-01_T1map`), its standard error is `desc-standarderror`. What
    stands beside it says which fit it belongs to (`desc-T1fit_M0map`), so that T1, T2 and T2* of
    one subject share a folder.
    """
    first, fit = maps.parameters[0], _fit_label(maps)
    beside = "dwi" if any(_DATATYPES.get(p.bids) == "dwi" for p in maps.parameters) else "anat"
    stem = _stem(entities)
    folder = "/".join(f"{key}-{entities[key]}" for key in ("sub", "ses") if key in entities)

    def file(kind: str, desc: str, suffix: str, parameter: Parameter | None = None) -> MapFile:
        home = "fmap" if suffix == "TB1map" else beside
        middle = f"_desc-{desc}" if desc else ""
        path = f"{folder}/{home}/{stem}{middle}_{suffix}"
        return MapFile(path=path, kind=kind, parameter=parameter)

    files = []
    taken: set[tuple[str, str]] = set()
    for parameter in maps.parameters:
        suffix, desc = _suffix(parameter, beside), "" if parameter is first else fit
        if suffix != parameter.bids or (desc, suffix) in taken:
            desc = f"{fit}{_label(parameter.name)}"
        taken.add((desc, suffix))
        files.append(file("estimate", desc, suffix, parameter))
        if maps.standard_errors is not None:
            files.append(file("standard_error", f"{desc}standarderror", suffix, parameter))
    if maps.covariance is not None:
        files.append(file("covariance", f"{fit}covariance", _ANY))
    if maps.residual_sd is not None:
        files.append(file("residual", f"{fit}residual", _ANY))
    return (*files, file("points", f"{fit}points", "dseg"), file("status", f"{fit}status", "dseg"))


def leftovers(
    maps: ParameterMaps, files: Sequence[MapFile], entities: Mapping[str, str]
) -> tuple[str, ...]:
    """Return patterns, below the data set, of what an earlier fit of the same quantity left."""
    stem, main = _stem(entities), files[0].path.rpartition("_")[2]
    folders = dict.fromkeys(file.path.rpartition("/")[0] for file in files)
    names = (f"{stem}_desc-{_fit_label(maps)}*", f"{stem}_desc-standarderror_{main}.*")
    return tuple(f"{folder}/{name}" for folder in folders for name in names)


def _stem(entities: Mapping[str, str]) -> str:
    return "_".join(f"{key}-{value}" for key, value in entities.items())


def _fit_label(maps: ParameterMaps) -> str:
    return f"{_label(maps.parameters[0].bids.removesuffix('map'))}fit"


def _suffix(parameter: Parameter, beside: str) -> str:
    """Return the suffix that BIDS has for a parameter, or one of the same unit."""
    suffix = parameter.bids
    if suffix in _DATATYPES and (beside == "anat" or suffix in _IN_DWI):
        return suffix
    return "ADC" if beside == "dwi" and parameter.unit == "mm²/s" else _ANY


def _label(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", text)
