"""A history of many scanners for benchmarks, and how long it takes to read it.

    python benchmarks/_drift_store.py [--scanners 200] [--exams 520] [--values 60] [--file FILE]

fills a SQLite file and prints time and peak memory of reading it with `Store.columns`, each in a
process of its own, first with a cold cache of this program (not of the operating system).
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, insert

from qiqa.core.canonical import canonical_json, digest
from qiqa.core.drift import TimeSeries
from qiqa.core.measurement import Verdict
from qiqa.core.rows import COLUMNS
from qiqa.store import open_store, schema
from qiqa.store.chain import sha256_text
from qiqa.store.packing import Packed, block, pack
from qiqa.store.transactions import writing
from qiqa.store.writing import child_rows, exam_columns, insert_exam, insert_values

_KINDS = (
    ("diameter_slice1_lr", "diameter", "mm", 190.0, 0.2),
    ("snr_nema_method1", "snr", "1", 80.0, 2.0),
    ("adc", "adc", "mm²/s", 1.1e-3, 4e-6),
    ("t1", "t1", "ms", 500.0, 3.0),
)
"""Name, quantity, unit, level and standard deviation of values that a scanner repeats."""


def made_up(scanners: int, exams: int, values: int, rng: np.random.Generator) -> NDArray[Any]:
    """Return values (scanners, exams, values) that scatter about their levels."""
    kinds = [_KINDS[i % len(_KINDS)] for i in range(values)]
    level, sd = (np.array([kind[i] for kind in kinds]) for i in (3, 4))
    drawn: NDArray[Any] = level + sd * rng.standard_normal((scanners, exams, values))
    return drawn


def fill(
    url: str,
    value: NDArray[Any],
    *,
    first: dt.datetime,
    every: dt.timedelta = dt.timedelta(days=7),
    temperature_degc: NDArray[Any] | None = None,
    whole: bool = False,
) -> None:
    """Store exams, week by week, all scanners in turn.

    Parameters
    ----------
    url
        Path of a SQLite file that does not exist yet.
    value
        (scanners, exams, values); NaN where nothing could be measured.
    first
        Wall clock of the first exams.
    every
        Time from exam to exam.
    temperature_degc
        (scanners, exams) as entered; None: not entered.
    whole
        True: with payloads, rows and chain as `Store.save` writes them, ten times the size.
        False: the values as columns, and rows of each scanner's newest exam only, which is what
        `Store.columns` reads; `verify` finds that the rest is missing.
    """
    newest = value.shape[1] - 1
    layouts: dict[int, Packed] = {}
    with open_store(url) as store, writing(store.engine) as connection:
        for week, of_week in enumerate(value.swapaxes(0, 1)):
            for scanner, one in enumerate(of_week):
                degc = None if temperature_degc is None else float(temperature_degc[scanner, week])
                # rows take longest to make: only where somebody reads them
                needed = whole or week == newest or scanner not in layouts
                rows = _rows(scanner, one) if needed else []
                payload = _payload(scanner, rows, first + week * every, degc)
                if whole:
                    _insert_whole(connection, payload)
                    continue
                if scanner not in layouts:
                    layouts[scanner] = pack(payload, _epochs(payload))
                packed = dataclasses.replace(
                    layouts[scanner], block=_block(one), temperature_degc=degc
                )
                _insert_columns(connection, payload, packed, with_rows=week == newest)


def _identity(scanner: int) -> str:
    return f"BENCH {scanner:04d}"


def _payload(
    scanner: int, rows: list[dict[str, Any]], at: dt.datetime, degc: float | None
) -> dict[str, Any]:
    identity = _identity(scanner)
    return {
        "schema": "qiqa.qc/1",
        "phantom": {"id": "acr_large", "unit": f"J{scanner:04d}"},
        "scanner": {"identity": identity, "label": f"Bench {scanner}"},
        "acquired_at": at.isoformat(),
        "protocol": {"id": "acr_large_2022"},
        "verdict": "pass",
        "measurements": rows,
        "findings": [],
        "entries": {} if degc is None else {"temperature": f"{degc:.12g}"},
        "provenance": {
            "identity": digest([identity, at]),
            "input_identity": digest([at, identity]),
            "inputs": [{"path": "exam/1.dcm", "sha256": digest([identity, at, 1])}],
            "definitions": [],
        },
    }


def _rows(scanner: int, value: NDArray[Any]) -> list[dict[str, Any]]:
    return [_row(_identity(scanner), i, float(one)) for i, one in enumerate(value)]


def _row(scanner: str, index: int, value: float) -> dict[str, Any]:
    name, quantity, unit, level, sd = _KINDS[index % len(_KINDS)]
    missing = not np.isfinite(value)
    own: dict[str, Any] = {
        "name": name,
        "quantity": quantity,
        "insert": f"insert {index // len(_KINDS) + 1}",
        "role": "T1",
        "value": None if missing else value,
        "unit": unit,
        "standard_uncertainty": None if missing else sd / 2,
        "reference_value": level,
        "limits": {"rule": "r", "tolerance": None, "action": [level - 5 * sd, level + 5 * sd]},
        "verdict": "not_evaluated" if missing else "pass",
        "assumptions": [],
        "budget": [],
        "series_key": digest([scanner, index])[:32],
    }
    return {column.name: own.get(column.name) for column in COLUMNS}


def _block(value: NDArray[Any]) -> bytes:
    """Return what `pack` makes of the values of `_rows`."""
    measured = np.isfinite(value)
    sd = np.array([_KINDS[i % len(_KINDS)][4] for i in range(len(value))])
    verdicts = [Verdict.PASS if one else Verdict.NOT_EVALUATED for one in measured]
    return block(value.tolist(), np.where(measured, sd / 2, np.nan).tolist(), verdicts)


def _epochs(payload: dict[str, Any]) -> list[str | None]:
    return [digest(payload["scanner"])[:32]] * len(payload["measurements"])


def _record(columns: dict[str, Any]) -> dict[str, Any]:
    return {
        "created_at": columns["acquired_at"],
        "created_by": "benchmark",
        "supersedes": None,
        "supersede_reason": None,
    }


def _insert_whole(connection: Connection, payload: dict[str, Any]) -> None:
    columns = exam_columns(payload)
    insert_exam(connection, payload, columns, _record(columns), _epochs(payload))


def _insert_columns(
    connection: Connection, payload: dict[str, Any], packed: Packed, *, with_rows: bool
) -> None:
    columns = exam_columns(payload)
    text = canonical_json({**payload, "measurements": []})
    sealed = sha256_text(text)
    # no chain: only unique, as the table asks for
    own = {"payload": text, "payload_sha256": sealed, "chain_previous": sealed, "chain": sealed}
    row = {**columns, **_record(columns), **own}
    key: Any = connection.execute(insert(schema.exam), row).inserted_primary_key
    exam_id = int(key[0])
    insert_values(connection, exam_id, columns, packed)
    if with_rows:
        rows = child_rows(payload, _epochs(payload))["measurement"]
        mine = [{"exam_id": exam_id, **one} for one in rows]
        connection.execute(insert(schema.measurement), mine)


def read(url: str, repeats: int = 3) -> dict[str, Any]:
    """Return seconds of each reading, number of series and values, and peak memory in MB."""
    before = _peak_mb()
    seconds = []
    series: tuple[TimeSeries, ...] = ()
    with open_store(url, create=False) as store:
        for _ in range(repeats):
            series = ()  # else two of them are in memory
            start = time.perf_counter()
            series = store.columns()
            seconds.append(round(time.perf_counter() - start, 3))
    return {
        "seconds": seconds,
        "series": len(series),
        "values": sum(map(len, series)),
        "peak_mb_before": before,
        "peak_mb": _peak_mb(),
    }


def _peak_mb() -> int | None:
    """Return the most memory that this process had [MB], None where nobody says (Windows)."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1_000_000 if sys.platform == "darwin" else 1024)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scanners", type=int, default=200)
    parser.add_argument("--exams", type=int, default=520)
    parser.add_argument("--values", type=int, default=60)
    parser.add_argument("--whole", action="store_true", help="with payloads, rows and chain")
    parser.add_argument("--file", help="SQLite file to keep; read as it is where it exists")
    parser.add_argument("--read", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read:
        print(json.dumps(read(options.file)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(options.file or Path(folder) / "history.db")
        if not path.exists():
            rng = np.random.default_rng(1)
            value = made_up(options.scanners, options.exams, options.values, rng)
            degc = rng.normal(21.0, 0.7, value.shape[:2])
            start = time.perf_counter()
            first = dt.datetime(2016, 1, 4, 7, 30)
            fill(str(path), value, first=first, temperature_degc=degc, whole=options.whole)
            print(f"filled in {time.perf_counter() - start:.1f} s")
        print(f"{path.stat().st_size / 1e6:.0f} MB")
        child = [sys.executable, __file__, "--read", "--file", str(path)]
        print(subprocess.run(child, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    _main()
