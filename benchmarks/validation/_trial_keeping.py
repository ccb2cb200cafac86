"""Results of a long study, kept run by run, so that an interrupted one goes on."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _evidence import stamp

__all__ = ["about_runs", "runs_of"]

Rows = list[dict[str, Any]]


def about_runs(seed: int, began: float, keep: Path | None, **more: Any) -> dict[str, Any]:
    """Return the stamp of a study; without its duration where runs were kept from before."""
    about = stamp(seed, time.perf_counter() - began, **more)
    if keep is not None:
        del about["seconds"]
    return about


def runs_of(one: Callable[[int], Rows], runs: int, keep: Path | None, name: str) -> Rows:
    """Return the rows of all runs; ``one`` makes those of a run from its number.

    With a folder to keep them in, runs that are there already are not made again.
    """
    file = None if keep is None else keep / f"{name}.jsonl"
    known: dict[int, Rows] = {}
    if file is not None and file.exists():
        for line in file.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            known[entry["run"]] = entry["rows"]
    rows: Rows = []
    for run in range(runs):
        if run not in known:
            began = time.perf_counter()
            known[run] = one(run)
            seconds = time.perf_counter() - began
            print(f"{name}: run {run + 1} of {runs}, {seconds:.0f} s", file=sys.stderr, flush=True)
            if file is not None:
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("a", encoding="utf-8") as out:
                    out.write(json.dumps({"run": run, "rows": known[run]}) + "\n")
        rows += known[run]
    return rows
