"""A vetted set as an RO-Crate 1.2: which files there are, who answers for them, what made them.

RO-Crate Metadata Specification 1.2 (2025). The context is named by its address, as the
specification asks; the terms used are all in it, and nothing is fetched to write it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qiqa.core.canonical import storable
from qiqa.core.errors import ReadError
from qiqa.core.vet_result import NOT_STATED, OutputFile, VetResult
from qiqa.core.vet_words import counted_words, headline, set_answer
from qiqa.io.export import write_file

__all__ = ["RO_CRATE", "read_hashes", "ro_crate", "seal", "write_ro_crate"]

RO_CRATE = "ro-crate-metadata.json"
_CONTEXT = "https://w3id.org/ro/crate/1.2/context"
_PROFILE = "https://w3id.org/ro/crate/1.2"
_HINT = "give the folder that qiqa vet wrote"
_ADDRESS = ("http://", "https://")


def write_ro_crate(result: VetResult, files: Sequence[OutputFile], folder: Path) -> Path:
    """Write `ro-crate-metadata.json` beside the files that it describes.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    text = json.dumps(ro_crate(result, files), ensure_ascii=False, indent=2, allow_nan=False)
    path = folder / RO_CRATE
    write_file(path, lambda file: file.write(f"{text}\n".encode()))
    return path


def read_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file, by name, as it was when the crate was written.

    Raises
    ------
    ReadError
        If the crate is missing or is none.
    """
    path = folder / RO_CRATE
    try:
        graph = json.loads(path.read_text(encoding="utf-8"))["@graph"]
        files = [one for one in graph if one.get("@type") == "File"]
        return {one["@id"]: one["sha256"] for one in files}
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise ReadError(message, where=str(path), hint=_HINT) from error
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ReadError(f"is no RO-Crate of qiqa: {error}", where=str(path), hint=_HINT) from error


def seal(folder: Path) -> str:
    """Return the SHA-256 of the crate, which has those of all other files.

    Raises
    ------
    ReadError
        If it is missing.
    """
    path = folder / RO_CRATE
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        message = f"cannot be read: {error.strerror or error}"
        raise ReadError(message, where=str(path), hint=_HINT) from error


def ro_crate(result: VetResult, files: Sequence[OutputFile]) -> dict[str, Any]:
    """Return the metadata as JSON-LD; parameters as in `croissant`.

    `datePublished`, which the specification demands, is the moment of the decisions: qiqa knows
    of no other.
    """
    about, provenance = result.parts.about, result.parts.provenance
    license_id = about.license if about.license.startswith(_ADDRESS) else "#license"
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": about.name or NOT_STATED,
        "description": about.description or f"{headline(result)}. {' '.join(set_answer(result))}",
        "datePublished": provenance.judged_at.isoformat(),
        "license": {"@id": license_id},
        "creator": {"@id": "#creator"},
        "hasPart": [{"@id": one.name} for one in files],
        "mentions": {"@id": "#vetting"},
    }
    if about.url:
        root["url"] = about.url
    if about.version:
        root["version"] = about.version
    graph = [
        {
            "@id": RO_CRATE,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": {"@id": _PROFILE},
        },
        root,
        *(_file(one) for one in files),
        *_people(result, license_id),
        *_made(result, files),
    ]
    cleaned: dict[str, Any] = storable({"@context": _CONTEXT, "@graph": graph})
    return cleaned


def _file(one: OutputFile) -> dict[str, Any]:
    return {
        "@id": one.name,
        "@type": "File",
        "name": one.name,
        "description": one.description,
        "encodingFormat": one.media_type,
        "contentSize": str(one.size),
        "sha256": one.sha256,
    }


def _people(result: VetResult, license_id: str) -> list[dict[str, Any]]:
    """Return who is named: licence, creator, the owner of the policy."""
    about = result.parts.about
    return [
        {
            "@id": license_id,
            "@type": "CreativeWork",
            "name": about.license or NOT_STATED,
            "description": f"license of the data set: {about.license or NOT_STATED}",
        },
        {"@id": "#creator", "@type": "Organization", "name": about.creator or NOT_STATED},
        {"@id": "#owner", "@type": "Person", "name": result.policy.owner},
    ]


def _made(result: VetResult, files: Sequence[OutputFile]) -> list[dict[str, Any]]:
    """Return what was done, by what, on what."""
    provenance, policy = result.parts.provenance, result.policy
    inputs = ", ".join(provenance.inputs) or NOT_STATED
    corrections = [
        f"{counted_words(number, 'series', 'series')} to be used after: {words}"
        for words, number in result.counts.corrections.items()
    ]
    given = [f"{one.role} {one.name} (SHA-256 {one.sha256})" for one in provenance.files]
    return [
        {
            "@id": "#vetting",
            "@type": "CreateAction",
            "name": "vetting against a policy",
            "description": f"{result.counts.series} series from {inputs}, policy {policy.name} "
            + "; ".join([", ".join([f"(SHA-256 {policy.sha256})", *given]), *corrections]),
            "startTime": provenance.at.isoformat(),
            "endTime": provenance.judged_at.isoformat(),
            "agent": {"@id": "#owner"},
            "instrument": {"@id": "#qiqa"},
            "result": [{"@id": one.name} for one in files],
        },
        {
            # not SoftwareApplication: that demands an address, and a copy knows none of its own
            "@id": "#qiqa",
            "@type": "CreativeWork",
            "name": "qiqa",
            "version": provenance.qiqa_version,
            "description": "quality assurance for quantitative imaging",
        },
    ]
