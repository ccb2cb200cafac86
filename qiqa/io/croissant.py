"""A vetted set as Croissant 1.1 metadata with the vocabulary for responsible AI.

MLCommons, Croissant Format Specification 1.1 and Croissant RAI Specification 1.0 (2024). Only what
was measured or stated stands in it; nothing is read from a network, the context is written out.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qiqa.core.canonical import storable
from qiqa.core.regulation import clauses_of
from qiqa.core.vet_result import NOT_STATED, OutputFile, VetResult
from qiqa.core.vet_words import counted_words, headline, statement_words, unchecked
from qiqa.io.export import write_file
from qiqa.io.manifest import MANIFEST_COLUMNS

__all__ = ["CROISSANT", "croissant", "write_croissant"]

CROISSANT = "croissant.json"

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""Appendix 1 of the specification, with `rai`."""
_CONFORMS = ("http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0")
_BIASES = ("balance of sites, vendors and scanners", "coverage of the target population")
_PERSONAL = "provenance and de-identification"
_MISSING = "missing attributes, images and series"
_OBSERVATION_COLUMNS = {
    "series_uid": "series instance UID",
    "path": "folder or file of the series",
    "code": "reason code",
    "value": "how much, in the unit of the reason; larger is worse",
    "evidence": "what was found, in words",
    "where": "file, slice or attribute",
    "correction": "what would put it right",
}


def write_croissant(result: VetResult, files: Sequence[OutputFile], folder: Path) -> Path:
    """Write `croissant.json` beside the files that it describes.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    text = json.dumps(croissant(result, files), ensure_ascii=False, indent=2, allow_nan=False)
    path = folder / CROISSANT
    write_file(path, lambda file: file.write(f"{text}\n".encode()))
    return path


def croissant(result: VetResult, files: Sequence[OutputFile]) -> dict[str, Any]:
    """Return the metadata as JSON-LD.

    Parameters
    ----------
    result
        What was decided.
    files
        What was written beside it, with SHA-256.
    """
    about, provenance = result.parts.about, result.parts.provenance
    content: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": list(_CONFORMS),
        "name": about.name or NOT_STATED,
        "description": about.description or f"{headline(result)}. Vetted by qiqa.",
        "license": about.license or NOT_STATED,
        "creator": {"@type": "sc:Organization", "name": about.creator or NOT_STATED},
        "dateModified": provenance.judged_at.isoformat(),
        "distribution": [_file(one) for one in files],
        "recordSet": _record_sets(result, {one.name for one in files}),
        **{f"rai:{name}": words for name, words in _responsible(result).items()},
    }
    if about.url:
        content["url"] = about.url
    if about.version:
        content["version"] = about.version
    cleaned: dict[str, Any] = storable(content)
    return cleaned


def _file(one: OutputFile) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": one.name,
        "name": one.name,
        "description": one.description,
        "contentUrl": one.name,
        "contentSize": f"{one.size} B",
        "encodingFormat": one.media_type,
        "sha256": one.sha256,
    }


def _record_sets(result: VetResult, files: set[str]) -> list[dict[str, Any]]:
    features = {
        "series_uid": "series instance UID",
        "path": "folder or file of the series",
        **{one.name: f"{one.name}, as its definition in qiqa" for one in result.parts.features},
    }
    source = "manifest.parquet" if "manifest.parquet" in files else "manifest.csv"
    sets = (
        ("series", source, "one record a series: what is done with it and why", MANIFEST_COLUMNS),
        ("observations", "observations.parquet", "all that was seen", _OBSERVATION_COLUMNS),
        ("features", "features.parquet", "measured image quality", features),
    )
    return [
        _record_set(name, file, words, columns)
        for name, file, words, columns in sets
        if file in files
    ]


def _record_set(
    name: str, file: str, description: str, columns: Mapping[str, str]
) -> dict[str, Any]:
    numbers = {"value"} if name == "observations" else set()
    if name == "features":
        numbers = set(columns) - {"series_uid", "path"}
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": description,
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column}",
                "name": column,
                "description": words,
                "dataType": "sc:Float" if column in numbers else "sc:Text",
                "source": {"fileObject": {"@id": file}, "extract": {"column": column}},
            }
            for column, words in columns.items()
        ],
    }


def _responsible(result: VetResult) -> dict[str, Any]:
    """Return the RAI fields that something was measured or stated for."""
    policy = result.policy
    found: dict[str, Any] = {
        "dataUseCases": policy.purpose,
        "dataPreprocessingProtocol": [
            (
                f"Vetted by qiqa {result.parts.provenance.qiqa_version} against the policy "
                f"{policy.name} of {policy.owner}, decided on {policy.decided_on:%Y-%m-%d} "
                f"(SHA-256 {policy.sha256}). {headline(result)}."
            )
        ],
        "dataBiases": _of_topics(result, _BIASES),
        "dataLimitations": [
            *_of_topics(result, _BIASES, other=True),
            *(f"Not checked: {what}: {why}" for what, why in unchecked(result)),
        ],
        "personalSensitiveInformation": _counted(result, _PERSONAL),
        "dataCollectionMissingData": "; ".join(_counted(result, _MISSING)),
    }
    return {name: words for name, words in found.items() if words}


def _of_topics(result: VetResult, topics: Sequence[str], *, other: bool = False) -> list[str]:
    """Return statements with a value of the checks of some topics, or those of all others."""
    made = []
    for name, statements in result.parts.statements.items():
        clauses = clauses_of(name)
        inside = clauses is not None and clauses.topic in topics
        for one in statements:
            if inside is not other and not math.isnan(one.value):
                made.append(statement_words(result, one))
            elif other and math.isnan(one.value):
                made.append(f"Could not be answered: {statement_words(result, one)}")
    return made


def _counted(result: VetResult, topic: str) -> list[str]:
    """Return in how many series each reason of the checks of a topic was seen."""
    made = []
    for check in result.parts.checks:
        clauses = clauses_of(check.name)
        if clauses is None or clauses.topic != topic:
            continue
        for reason in check.reasons:
            if result.not_looked_for(reason.code):
                continue
            found = result.counts.reasons.get(reason.code)
            seen = counted_words(0 if found is None else found.seen, "series", "series")
            made.append(f"{reason.title}: seen in {seen} of {result.counts.series}")
    return made
