"""The documented JSON of what was found about scanners, `qiqa.drift/1`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qiqa.core.canonical import plain
from qiqa.core.drift import DRIFT_SCHEMA, DriftFinding, FleetState

__all__ = ["drift_payload", "finding_row"]


def finding_row(finding: DriftFinding) -> dict[str, Any]:
    """Return one finding, JSON-ready; empty texts and numbers that were not measured are null."""
    row = plain(finding)
    for name in ("insert", "role", "series_key", "exam", "message", "hint"):
        row[name] = row[name] or None
    row["slice"] = row["slice"] or None
    row["alarm_id"] = row["alarm_id"] or None
    row["causes"] = list(finding.causes)
    return dict(row)


def drift_payload(fleet: FleetState, findings: Sequence[DriftFinding]) -> dict[str, Any]:
    """Return `qiqa.drift/1`: schema, source, time, budget, scanners, findings, notes."""
    return {
        "schema": DRIFT_SCHEMA,
        "source": fleet.source,
        "as_of": plain(fleet.now),
        "false_alarms_per_year": fleet.false_alarms_per_year,
        "scanners": [
            {
                "scanner": one.scanner,
                "verdict": one.verdict,
                "exams": one.exams,
                "charted": one.charted,
                "learning": one.learning,
                "last_exam": plain(one.last_exam),
                "overdue_days": one.overdue_days,
            }
            for one in fleet.scanners
        ],
        "findings": [finding_row(finding) for finding in findings],
        "notes": list(fleet.notes),
    }
