"""What stands beside a parameter map: BIDS JSON, and the table of status codes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from qiqa.core.canonical import plain
from qiqa.core.maps import FitStatus, Parameter, ParameterMaps
from qiqa.io.map_names import MapFile

__all__ = ["LEVELS", "factor", "json_bytes", "levels_table", "pairs", "sidecar"]

_UNITS: dict[str, tuple[float, str]] = {
    "ms": (1e-3, "s"),
    "mm²/s": (1.0, "mm^2/s"),
    "signal": (1.0, "arbitrary"),
}
"""Unit in qiqa -> factor to and name of the unit in BIDS."""

LEVELS = {
    FitStatus.OUTSIDE: "outside the mask: not fitted",
    FitStatus.CONVERGED: "converged: the optimum was found inside the bounds",
    FitStatus.EXACT: "exact: as many points as parameters, an answer without residual",
    FitStatus.AT_BOUND: "at bound: the best fit lies at or beyond a bound of the model",
    FitStatus.TOO_FEW_POINTS: "too few points: fewer than parameters",
    FitStatus.NON_FINITE: "non finite: NaN or infinity leaves too few points",
    FitStatus.SATURATED: "saturated: clipped pixels leave too few points",
    FitStatus.NOISE_FLOOR: "noise floor: too few points stand out of the noise",
    FitStatus.SINGULAR: "singular: the points cannot tell the parameters apart",
    FitStatus.NOT_CONVERGED: "not converged: the iteration did not settle",
}
"""Status codes in words, as they stand beside a map."""

_AXIS_KEYS = {
    "echo_time": ("EchoTime", 1e-3),
    "inversion_time": ("InversionTimes", 1e-3),
    "repetition_time": ("RepetitionTimes", 1e-3),
    "flip_angle": ("FlipAngle", 1.0),
    "b_value": ("BValues", 1.0),
}
"""Encoding -> key and factor; plural where BIDS knows only one value."""


def factor(parameter: Parameter) -> tuple[float, str]:
    """Return the factor from the unit of a parameter to that of its BIDS map, and the latter."""
    if parameter.bids == "TB1map":
        return 100.0, "percent"  # of the nominal flip angle, as BIDS recommends
    return _UNITS.get(parameter.unit, (1.0, parameter.unit))


def pairs(maps: ParameterMaps) -> tuple[tuple[int, int], ...]:
    """Return the numbers of the two parameters of each volume of a covariance file."""
    count = len(maps.parameters)
    return tuple((a, b) for a in range(count) for b in range(a, count))


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """Return JSON as a file holds it."""
    text = json.dumps(plain(dict(content)), ensure_ascii=False, indent=2, allow_nan=False)
    return f"{text}\n".encode()


def levels_table() -> bytes:
    """Return the status codes as the table that BIDS puts beside a segmentation."""
    rows = [f"{int(status)}\t{words.replace(':', ',')}" for status, words in LEVELS.items()]
    return "\n".join(["index\tname", *rows, ""]).encode()


def sidecar(
    maps: ParameterMaps, file: MapFile, main: str, provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the content of the JSON beside one map.

    Parameters
    ----------
    maps, file
        The fit and which of its maps.
    main
        Path of the first map, below the data set.
    provenance
        As in `write_maps`.
    """
    own = _what(maps, file)
    content = {**own, **_fit(maps, provenance), **_acquisition(maps)}
    if file.path == main:
        content["Inputs"] = _inputs(provenance)
        content["StatusCounts"] = {s.words: n for s, n in maps.counts().items()}
        content["Findings"] = [finding.message for finding in maps.findings]
        taken = ("references", "equation", "sources")
        content["Provenance"] = {k: v for k, v in provenance.items() if k not in taken}
    else:
        content["FirstMap"] = f"{main}.nii.gz"
    # unknown and infinite are left out: BIDS has no word for them
    stated = {key: plain(value) for key, value in content.items()}
    return {key: value for key, value in stated.items() if value not in (None, [], {})}


def _what(maps: ParameterMaps, file: MapFile) -> dict[str, Any]:
    """Return description and unit of one map."""
    codes = {str(int(status)): words for status, words in LEVELS.items()}
    answer = "NaN where there is no answer; the status map says why"
    if file.kind == "status":
        text = "How the fit of each voxel ended"
        return {"Description": text, "Levels": codes, "SpatialReference": "orig"}
    if file.kind == "points":
        text = f"Number of images, of {maps.n_points}, that the fit of each voxel rests on"
        return {"Description": text, "SpatialReference": "orig"}
    if file.kind == "residual":
        text = f"Root of the sum of squared residuals over degrees of freedom; {answer}"
        return {"Description": text, "Units": "arbitrary", "SkullStripped": False}
    if file.kind == "covariance":
        return _covariance(maps)
    parameter = file.parameter
    assert parameter is not None  # noqa: S101 - estimates and standard errors have one
    what = "Standard error of" if file.kind == "standard_error" else "Estimate of"
    return {
        "Description": f"{what} {parameter.name} by the model {maps.model}; {answer}",
        "Units": factor(parameter)[1],
        "SkullStripped": False,
        "ParameterName": parameter.name,
        "LowerBound": factor(parameter)[0] * parameter.lower,
        "UpperBound": factor(parameter)[0] * parameter.upper,
    }


def _covariance(maps: ParameterMaps) -> dict[str, Any]:
    names = [f"{p.name} [{factor(p)[1]}]" for p in maps.parameters]
    return {
        "Description": "Covariance of the estimates, one volume for each pair of parameters",
        "Units": "arbitrary",
        "SkullStripped": False,
        "Volumes": [f"{names[a]} x {names[b]}" for a, b in pairs(maps)],
    }


def _fit(maps: ParameterMaps, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the maps were estimated."""
    import qiqa

    references = provenance.get("references")
    if isinstance(references, list | tuple):
        references = "; ".join(str(reference) for reference in references)
    return {
        "EstimationAlgorithm": f"{maps.method} ({maps.algorithm})",
        "EstimationReference": references,
        "EstimationEquation": provenance.get("equation"),
        "EstimationSoftware": f"qiqa {qiqa.__version__}",
        "Model": maps.model,
        "NumberOfPoints": maps.n_points,
        "NoiseSD": maps.noise_sd,
        "NoiseSource": maps.noise_source,
        "PointsLeftOutClipped": maps.n_clipped,
        "PointsLeftOutNoiseFloor": maps.n_floor,
        "PointsLeftOutNonFinite": maps.n_non_finite,
    }


def _acquisition(maps: ParameterMaps) -> dict[str, Any]:
    """Return what BIDS asks about the images, in its units."""
    header = maps.header
    if header is None:
        return {}
    a, scanner, encoding = header.acquisition, header.scanner, header.encoding

    def seconds(value_ms: float | None) -> float | None:
        return None if value_ms is None else round(value_ms * 1e-3, 9)

    found: dict[str, Any] = {
        "Modality": header.modality,
        "Manufacturer": scanner.manufacturer,
        "ManufacturersModelName": scanner.model,
        "MagneticFieldStrength": scanner.field_strength_t,
        "SoftwareVersions": a.software,
        "ReceiveCoilName": a.coil,
        "SeriesDescription": header.description,
        "EchoTime": seconds(a.te_ms) or None,
        "InversionTime": seconds(a.ti_ms) or None,
        "FlipAngle": a.flip_angle_deg or None,
        "RepetitionTimes": [seconds(tr) for tr in encoding.tr_ms or ()],
    }
    prepared = encoding.name in ("inversion_time", "repetition_time") or a.ti_ms is not None
    key = "RepetitionTimePreparation" if prepared else "RepetitionTimeExcitation"
    if encoding.tr_ms is None and encoding.name != "repetition_time":
        found[key] = seconds(a.tr_ms)
    if encoding.name in _AXIS_KEYS:
        name, scale = _AXIS_KEYS[encoding.name]
        found.pop({"InversionTimes": "InversionTime"}.get(name, name), None)
        found[name] = [round(value * scale, 9) for value in encoding.values]
    return found


def _inputs(provenance: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return names and hashes of the files; folders may hold names of people and stay out."""
    return [
        {"Name": PurePath(source.path).name, "SHA256": source.sha256}
        for source in provenance.get("sources", ())
    ]
