"""A simulated trial as tables in the row schema of measurements, and its truth for JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.canonical import plain
from qiqa.core.participants import ParticipantValues
from qiqa.core.rows import series_key
from qiqa.core.scanner import Acquisition, Scanner
from qiqa.core.trial import Readings
from qiqa.simulate.trial_phantom import software_names
from qiqa.simulate.trial_truth import SimulatedTrial, Truth

__all__ = [
    "TRIAL_SCHEMA",
    "feature_table",
    "participant_table",
    "phantom_table",
    "truth_payload",
]

TRIAL_SCHEMA = "qiqa.simulated_trial/1"
ALGORITHM = "simulated_trial/1"
_PHANTOM = "qiba_diffusion"
_FORMULA = (
    "value read = (true + offset + slope true) x each (1 + upgrade step so far) x (1 + failure) "
    "x (1 + sum of nonlinearity (position / 100 mm)^2); participants: transferred x "
    "(offset + slope true) + tissue x true in place of offset + slope true; all but offset are "
    "shares"
)

Columns = dict[str, NDArray[Any]]


def phantom_table(readings: Readings) -> Columns:
    """Return one row a reading: exam fields, then columns of `qiqa.measurement/1`."""
    n = len(readings)
    return {
        "scanner": _texts(readings.scanner),
        "site": _texts(readings.site),
        "manufacturer": _texts(readings.manufacturer),
        "acquired_at": readings.at,
        "exam": _texts(readings.exam),
        "visit": readings.visit,
        "software": _texts(readings.epoch),
        "phantom": _filled(_PHANTOM, n),
        "phantom_unit": _texts(readings.phantom_unit),
        "temperature_degc": readings.temperature_degc,
        "distance_mm": readings.distance_mm,
        "deviations": _filled("", n),
        "name": _filled(readings.name, n),
        "quantity": _filled(readings.quantity, n),
        "insert": _texts(readings.insert),
        "value": readings.value,
        "unit": _filled(readings.unit, n),
        "standard_uncertainty": readings.standard_uncertainty,
        "reference_value": readings.reference,
        "reference_standard_uncertainty": readings.reference_standard_uncertainty,
        "verdict": _filled("not_evaluated", n),
        "algorithm": _filled(ALGORITHM, n),
        "series_key": _keys(readings),
    }


def participant_table(values: ParticipantValues) -> Columns:
    """Return one row a value: who and when, then columns of `qiqa.measurement/1`.

    What is true is not in it.
    """
    n = len(values)
    return {
        **_who(values),
        "name": _texts(values.name),
        "quantity": _texts(values.quantity),
        "value": values.value,
        "unit": _texts(values.unit),
        "standard_uncertainty": values.standard_uncertainty,
        "verdict": _filled("not_evaluated", n),
        "algorithm": _filled(ALGORITHM, n),
    }


def feature_table(values: ParticipantValues) -> Columns:
    """Return one row a scan and one column a feature, with who and when before them."""
    table = values.feature_table()
    _, first = np.unique(values.row, return_index=True)
    scans = values.take(np.sort(first))
    features = {name: table.values[:, i] for i, name in enumerate(table.features)}
    return {**_who(scans), **features}


def _who(values: ParticipantValues) -> Columns:
    position = zip(("x_mm", "y_mm", "z_mm"), values.position_mm.T, strict=True)
    return {
        "participant": _texts(values.participant),
        "visit": values.visit,
        "arm": _texts(values.arm),
        **{name: np.asarray(column) for name, column in values.covariates.items()},
        "scanner": _texts(values.scanner),
        "site": _texts(values.site),
        "vendor": _texts(values.vendor),
        "acquired_at": values.at,
        "exam": _texts(values.row),
        "software": _texts(values.epoch),
        # nobody knows a tumor's place to less than a tenth of a millimeter
        **{name: np.round(column, 1) for name, column in position},
    }


def _texts(column: NDArray[np.str_]) -> NDArray[np.object_]:
    return column.astype(np.object_)


def _filled(text: str, n: int) -> NDArray[np.object_]:
    return np.full(n, text, dtype=np.object_)


def _keys(readings: Readings) -> NDArray[np.object_]:
    """Return the series key of every reading."""
    made: dict[tuple[str, str, str], str | None] = {}
    keys = []
    items = (readings.scanner, readings.phantom_unit, readings.insert)
    for scanner, unit, insert in zip(*(column.tolist() for column in items), strict=True):
        key = (scanner, unit, insert)
        if key not in made:
            by = Scanner(manufacturer="qiqa", model="simulator", given_name=scanner)
            made[key] = series_key(by, Acquisition(), _PHANTOM, None, unit, readings.name, insert)
        keys.append(made[key])
    return np.array(keys, dtype=np.object_)


def truth_payload(trial: SimulatedTrial, seed: int) -> dict[str, Any]:
    """Return `qiqa.simulated_trial/1`: the design and everything that was planted."""
    truth, people = trial.truth, trial.participants
    inserts = zip(truth.insert.tolist(), truth.insert_position_mm.tolist(), strict=True)
    units = zip(truth.unit.tolist(), truth.unit_error.tolist(), strict=True)
    return {
        "schema": TRIAL_SCHEMA,
        "seed": seed,
        "design": plain(trial.design),
        "formula": _FORMULA,
        "sites": _sites(truth),
        "scanners": [_scanner(truth, i) for i in range(len(truth.scanner))],
        "transferred": truth.bias.transferred,
        "inserts": dict(inserts),
        "units": [{"unit": name, "true_over_certified_less_1": off} for name, off in units],
        "errors": [plain(error) for error in truth.errors],
        "effect_percent": list(truth.effect_percent),
        "wcv_percent": truth.wcv_percent,
        "participants": {
            "exam": people.row.tolist(),
            "true_value": people.true_value.tolist(),
            "bias": truth.participant_bias.tolist(),
        },
    }


def _sites(truth: Truth) -> list[dict[str, Any]]:
    columns = (
        truth.site.tolist(),
        truth.vendor.tolist(),
        truth.opens_day.tolist(),
        truth.closes_day.tolist(),
        truth.thermometer_degc.tolist(),
    )
    names = ("site", "vendor", "opens_day", "closes_day", "thermometer_error_degc")
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _scanner(truth: Truth, i: int) -> dict[str, Any]:
    bias = truth.bias
    days = bias.upgrade_day[i]
    order = [k for k in np.argsort(days).tolist() if np.isfinite(days[k])]
    later = software_names(np.arange(1, len(order) + 1)).tolist()
    upgrades = [
        {"software": software, "from": _moment(truth, days[k]), "step": float(bias.upgrade_step[k])}
        for software, k in zip(later, order, strict=True)
    ]
    failure = None
    if np.isfinite(bias.failure_day[i]):
        failure = {
            "from": _moment(truth, bias.failure_day[i]),
            "ramp_days": bias.failure_ramp_days,
            "size": bias.failure_size,
        }
    return {
        "scanner": str(truth.scanner[i]),
        "site": str(truth.site[truth.scanner_site[i]]),
        "offset_mm2_per_s": float(bias.offset[i]),
        "slope": float(bias.slope[i]),
        "tissue": float(bias.tissue[i]),
        "nonlinearity_at_100mm": bias.nonlinearity[i].tolist(),
        "upgrades": upgrades,
        "gradient_failure": failure,
    }


def _moment(truth: Truth, day: float) -> str:
    return str(truth.bias.start + np.timedelta64(round(86400 * day), "s"))
