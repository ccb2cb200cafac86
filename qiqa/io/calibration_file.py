"""Calibrations of scanners from JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qiqa.core.calibration import CALIBRATION_SCHEMA, CalibrationSet
from qiqa.core.errors import ReadError
from qiqa.core.restoring import restore

__all__ = ["calibrations_of", "read_json"]


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises
    ------
    ReadError
        If it cannot be read, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        hint = "look at the name and the folder"
        raise ReadError("there is no such file", where=str(path), hint=hint) from None
    except (OSError, ValueError, RecursionError) as error:
        message = f"cannot be read as JSON: {str(error)[:120]}"
        raise ReadError(message, where=str(path)) from error
    if not isinstance(content, dict) or "schema" not in content:
        raise ReadError(
            "holds no model",
            where=str(path),
            hint="give what qiqa harmonize fit or calibrate wrote",
        )
    return content


def calibrations_of(content: dict[str, Any], where: str) -> CalibrationSet:
    """Return calibrations from what `read_json` gave.

    Raises
    ------
    ReadError
        If they are of another schema, or not whole.
    """
    if content.get("schema") != CALIBRATION_SCHEMA:
        raise ReadError(
            f"schema {content.get('schema')!r}; this version reads {CALIBRATION_SCHEMA!r}",
            where=where,
        )
    try:
        return restore(CalibrationSet, content)
    except ValueError as error:
        raise ReadError(f"is not whole: {error}", where=where) from error
