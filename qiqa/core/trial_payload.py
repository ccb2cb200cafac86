"""The documented JSON of where a trial stands, `qiqa.trial/1`."""

from __future__ import annotations

from typing import Any

from qiqa.core.canonical import plain
from qiqa.core.programme import TrialState
from qiqa.core.trial import TRIAL_SCHEMA, BiasStudy, Flag, ScannerBias

__all__ = ["trial_payload"]


def trial_payload(state: TrialState) -> dict[str, Any]:
    """Return `qiqa.trial/1`: flags, scanners, and what each measurement says of the trial.

    Scanners of all measurements stand in one list, so that a table of them is one line of code.
    """
    return {
        "schema": TRIAL_SCHEMA,
        "title": state.title,
        "source": state.source,
        "as_of": plain(state.as_of),
        "flags": [_flag(f, "") for f in state.flags]
        + [_flag(f, s.name) for s in state.studies for f in s.flags],
        "scanners": [_scanner(one, s) for s in state.studies for one in s.scanners],
        "vendor_effect": {s.name: plain(s.vendor) for s in state.studies},
        "variance_components": {s.name: plain(s.components) for s in state.studies},
        "certificates": [plain(one) for one in state.certificates],
        "rounds": {name: plain(scores) for name, scores in state.rounds.items()},
        "measurements": [
            {
                "name": s.name,
                "quantity": s.quantity,
                "unit": s.unit,
                "reference": s.basis,
                "claim": s.claim,
                "range": plain(s.range),
                "range_unit": s.measured_unit,
                "groups": plain(s.groups),
                "exchanges": plain(s.exchanges),
                "readings": s.readings,
                "left_out": s.left_out,
            }
            for s in state.studies
        ],
    }


def _flag(flag: Flag, name: str) -> dict[str, Any]:
    return {**plain(flag), "name": name or None}


def _scanner(one: ScannerBias, study: BiasStudy) -> dict[str, Any]:
    row = plain(one)
    row["claim"] = None if one.claim is None else one.claim.value
    return {"name": study.name, "quantity": study.quantity, "unit": study.unit, **row}
