"""A working file of made-up series, as `qiqa vet` leaves it once all are examined."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import numpy as np
from _vet_signatures import made_up

from qiqa.core.vet_record import summary_to
from qiqa.core.vetting import Examined, Observation, SeriesSummary
from qiqa.store.vet_work import VetWork

__all__ = ["fill"]

A_SCANNER = 2000
A_PATIENT = 4
FEATURES = tuple(f"feature_{j:02d}" for j in range(38))
"""As many as a series of MR has."""
PROTOCOLS = ("T1 axial", "T2 axial", "DWI 3 b-values ADC", "FLAIR sagittal")
BATCH = 1000


def fill(work: VetWork, count: int, seed: int = 1) -> None:
    """Put examined series into a working file.

    Four series of a patient, 2,000 of a scanner, 38 features with one series in 200 far off, 15
    texts and 13 numbers of the header; signatures of `made_up`: 4 in 100 are copies.
    """
    signatures = made_up(count, seed=seed).signatures
    rows = _summaries(count, np.random.default_rng(seed))
    batch = []
    for row, one in zip(range(count), rows, strict=True):
        batch.append((one.series_uid, summary_to(one), signatures[row].tobytes(), b""))
        if len(batch) == BATCH or row == count - 1:
            # of a series that no chunk of files holds nothing is kept
            parts = [(uid, "made-up", b"") for uid, *_ in batch]
            work.db.executemany("INSERT INTO part VALUES (?, ?, ?)", parts)
            work.add_examined(batch)
            batch = []


def _summaries(count: int, rng: np.random.Generator) -> Iterator[SeriesSummary]:
    first = dt.date(2015, 1, 1)
    for row in range(count):
        scanner, patient, kind = row // A_SCANNER, row // A_PATIENT, row % A_PATIENT
        values = rng.normal(scanner % 7, 1.0, len(FEATURES))
        if rng.random() < 0.005:
            values[rng.integers(len(FEATURES))] += 50.0
        seen = Observation(code="spacing_irregular", value=12.5, evidence="slice 3 of 20")
        study = f"2.25.{(patient + 1) * 7919:039d}"
        texts = {
            "body_part": "HEAD",
            "description": PROTOCOLS[kind],
            "image_type": "ORIGINAL\\PRIMARY\\M",
            "instance_uids": f"{rng.integers(1 << 62):016x}",
            "manufacturer": ("SIEMENS", "GE MEDICAL SYSTEMS", "Philips")[scanner % 3],
            "modality": "MR",
            "model": "Skyra",
            "patient": f"{(patient * 0x9E3779B97F4A7C15) % (1 << 64):016x}",
            "phase_direction": "COL",
            "protocol": PROTOCOLS[kind],
            "scanner": f"SIEMENS {36000 + scanner}",
            "sex": "FM"[patient % 2],
            "site": f"Site {scanner // 3:03d}",
            "software": f"DV{25 + scanner % 4}",
            "study": study,
        }
        numbers = {
            "age": 20.0 + patient % 60,
            "averages": 1.0,
            "bandwidth_hz": 200.0,
            "columns": 256.0,
            "echo_count": 1.0,
            "echo_train": 1.0,
            "field_t": 3.0,
            "flip_deg": 90.0,
            "rows": 256.0,
            "slice_spacing_mm": 5.5,
            "te_ms": (10.0, 90.0, 80.0, 120.0)[kind],
            "thickness_mm": 5.0,
            "tr_ms": (500.0, 4000.0, 5000.0, 9000.0)[kind],
        }
        yield SeriesSummary(
            path=f"Site_{scanner // 3:03d}/{patient:09d}/{row:09d}_{PROTOCOLS[kind][:3]}",
            series_uid=f"2.25.{row:039d}",
            texts=texts,
            numbers=numbers,
            date=(first + dt.timedelta(days=patient % 3000)).isoformat(),
            files=20,
            size=20 * 133_000,
            seen=f"{row:016x}",
            examined=Examined(
                observations=(seen,) if rng.random() < 0.02 else (),
                features=dict(zip(FEATURES, values.tolist(), strict=True)),
            ),
        )
