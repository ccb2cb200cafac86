"""The documented JSON of one exam, `qiqa.qc/1`: everything but pixels."""

from __future__ import annotations

import datetime as dt
from typing import Any

from qiqa.core.canonical import plain, storable
from qiqa.core.pose import PhantomPose
from qiqa.core.result import ExamSeries, QcResult
from qiqa.core.rows import ROW_SCHEMA, result_rows

__all__ = ["QC_SCHEMA", "result_payload"]

QC_SCHEMA = "qiqa.qc/1"


def result_payload(result: QcResult) -> dict[str, Any]:
    """Return one exam as JSON-ready `qiqa.qc/1`.

    Keys, in this order: schema, row_schema, phantom, scanner, acquired_at, protocol, verdict,
    series (acquisition and pose of each), measurements (rows of `qiqa.measurement/1`), findings,
    entries, provenance. NaN and infinities are null; times are ISO 8601, `acquired_at` in the
    scanner's wall-clock time, `created_at` in UTC. Text that UTF-8 or a database cannot hold
    (lone surrogates of undecodable file names, NUL) is shown as a backslash escape.

    Parameters
    ----------
    result
        The exam.

    Returns
    -------
    dict
        Only dict, list, str, int, float, bool and None; the same exam gives the same content.
    """
    payload = {
        "schema": QC_SCHEMA,
        "row_schema": ROW_SCHEMA,
        "phantom": _phantom(result),
        "scanner": {
            "identity": result.scanner.identity,
            "label": result.scanner.label,
            **plain(result.scanner),
        },
        "acquired_at": plain(result.acquired_at),
        "protocol": {
            "id": result.protocol.id,
            "name": result.protocol.name,
            "family": result.protocol.family,
            "edition": result.protocol.edition,
            "sha256": result.protocol.sha256,
        },
        "verdict": result.verdict.value,
        "series": [_series(item) for item in result.series],
        "measurements": result_rows(result),
        "findings": [plain(item) for item in result.findings],
        "entries": dict(result.entries),
        "provenance": _provenance(result),
    }
    cleaned: dict[str, Any] = storable(payload)
    return cleaned


def _phantom(result: QcResult) -> dict[str, Any]:
    poses = [item.pose for item in result.series if item.pose is not None]
    variants = [pose.variant for pose in poses if pose.variant is not None]
    return {
        "id": result.phantom.id,
        "name": result.phantom.name,
        "variant": variants[0] if variants else None,
        "unit": result.phantom_unit,
        "sha256": result.phantom.sha256,
    }


def _series(item: ExamSeries) -> dict[str, Any]:
    return {
        "series_uid": item.series_uid,
        "stack": item.stack,
        "role": item.role,
        "description": item.description,
        "shape": list(item.shape),
        "voxel_size_mm": plain(item.voxel_size_mm),
        "deviations": list(item.deviations),
        "failure": item.failure,
        "acquisition": plain(item.acquisition),
        "pose": None if item.pose is None else _pose(item.pose),
    }


def _pose(pose: PhantomPose) -> dict[str, Any]:
    return {
        name: plain(
            pose.phantom_to_voxel.tolist() if name == "phantom_to_voxel" else getattr(pose, name)
        )
        for name in PhantomPose.__dataclass_fields__
        if name != "alternatives"
    }


def _provenance(result: QcResult) -> dict[str, Any]:
    source = result.provenance
    created = source.created_at
    if created.tzinfo is not None:
        created = created.astimezone(dt.UTC)
    return {
        "identity": source.identity,
        "input_identity": source.input_identity,
        "inputs": plain(source.inputs),
        "definitions": plain(source.definitions),
        "versions": dict(source.versions),
        "algorithms": list(source.algorithms),
        "parameters": dict(source.parameters),
        "user": source.user,
        "created_at": created.isoformat(),
    }
