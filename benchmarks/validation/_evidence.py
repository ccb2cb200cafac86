"""Dated evidence: commit, date, seed, and writing of Markdown and JSON into docs/validation."""

from __future__ import annotations

import datetime as dt
import json
import math
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["FOLDER", "cell", "stamp", "table", "write"]

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "validation"


def stamp(seed: int | None, seconds: float, **more: Any) -> dict[str, Any]:
    """Return what says when, from which commit and with which seed a study was run."""
    git = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=FOLDER.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    found = {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "commit": git.stdout.strip() or "unknown",
    }
    return {**found, **({} if seed is None else {"seed": seed}), **more, "seconds": round(seconds)}


def cell(value: float | None, pattern: str) -> str:
    """Return a number in words for a table; empty where there is none."""
    return "" if value is None or math.isnan(value) else format(value, pattern)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a Markdown table."""
    body = ["| " + " | ".join(row) + " |" for row in rows]
    return ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|", *body]


def write(name: str, lines: Sequence[str], payload: dict[str, Any]) -> None:
    """Write docs/validation/<name>.md and .json; NaN becomes null."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    text = json.dumps(_plain(payload), indent=1, allow_nan=False, ensure_ascii=False)
    (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    print(f"written to {FOLDER / name}.md and .json")


def _plain(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _plain(value) for key, value in item.items()}
    if isinstance(item, list | tuple):
        return [_plain(value) for value in item]
    if isinstance(item, float):
        return float(f"{item:.6g}") if math.isfinite(item) else None
    return item
