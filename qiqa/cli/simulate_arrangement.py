"""`qiqa simulate` for spheres or tubes at known places."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from qiqa.cli.arguments import numbers
from qiqa.core.arrangement import Arrangement
from qiqa.core.errors import UsageError

if TYPE_CHECKING:
    from qiqa.cli.simulate import Options
    from qiqa.core.series import Series
    from qiqa.simulate.arrangement_spec import ArrangementSpec
    from qiqa.simulate.arrangement_truth import ArrangementTruth

__all__ = ["SESSION", "listed", "simulated", "specs"]

SESSION = "session"
"""Kind that stands for all series of a quality control."""
_SPHERES: dict[str, dict[str, Any]] = {
    "ir": {"group": "T1"},
    "mse": {"group": "T2", "tr_ms": 5000.0},
    "pd": {"group": "PD", "tr_ms": 10000.0},
    "vfa": {"group": "T1", "tr_ms": 15.0, "te_ms": 2.0},
    "volume": {"matrix": 208, "fov_mm": 208.0, "tr_ms": 20.0, "te_ms": 4.0},
}
"""What a series of the system phantom has instead of the defaults."""
_TUBES: dict[str, Any] = {
    "matrix": 128, "n_slices": 25, "thickness_mm": 4.0, "spacing_mm": 5.0, "tr_ms": 10000.0,
    "te_ms": 80.0,
}  # fmt: skip
"""A usual echo-planar protocol: slices of 4 mm with 1 mm between, 1.7 mm pixels."""


def specs(options: Options, phantom: Arrangement) -> dict[str, ArrangementSpec]:
    """Return the specification of each series by name.

    Raises
    ------
    UsageError
        For a value that cannot be simulated.
    """
    from qiqa.core.scanner import Scanner
    from qiqa.simulate.arrangement_spec import ArrangementSpec

    tubes = all(group.shape == "tube" for group in phantom.group)
    tilt = numbers(options.tilt, 2, "--tilt", "0.5,-1")
    offset = numbers(options.offset, 2, "--offset", "-3,2")
    gradient = numbers(options.gradient_error, 3, "--gradient-error", "0.3,-0.2,0.1")
    coronal = not tubes  # plates of spheres lie across y, tubes along z
    common: dict[str, Any] = {
        "scanner": Scanner(
            manufacturer="qiqa", model="simulator", serial_number="SIM0001", station="SIMULATED",
            field_strength_t=options.field,
        ),
        "serial": options.serial,
        "temperature_degc": options.temperature,
        "swapped": _pairs(options.swap),
        "missing": tuple(name for name in options.missing.split(",") if name),
        "rotation_deg": (
            (tilt[0], options.rotation, tilt[1]) if coronal else (*tilt, options.rotation)
        ),
        "translation_mm": (
            (offset[0], 0.0, -offset[1]) if coronal else (offset[0], offset[1], 0.0)
        ),
        "gradient_error_percent": tuple(gradient),
        "snr": options.snr,
        "n_coils": options.coils,
        "b1": options.b1,
        "ghost_fraction": options.ghost,
    }  # fmt: skip
    kinds = [options.kind]
    if options.kind == SESSION:
        kinds = ["dwi"] if tubes else ["ir", "mse", "pd", "volume"]
    made = {}
    for kind in kinds:
        own: dict[str, Any] = _TUBES if tubes else _SPHERES.get(kind, {})
        if own.get("group", phantom.group[0].name) not in [g.name for g in phantom.group]:
            own = {name: value for name, value in own.items() if name != "group"}
        made[kind] = ArrangementSpec(kind=kind, **{**common, **own})
    return made


def _pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Return pairs of labels from `A,B` or `A,B;C,D`."""
    pairs = []
    for part in (part for part in text.split(";") if part):
        names = tuple(name.strip() for name in part.split(","))
        if len(names) != 2:
            raise UsageError(f"{part!r} is not two labels, say T1-1,T1-2", where="--swap")
        pairs.append((names[0], names[1]))
    return tuple(pairs)


def simulated(
    options: Options, phantom: Arrangement
) -> tuple[dict[str, Series], dict[str, ArrangementSpec], dict[str, ArrangementTruth]]:
    """Return series by name, and specification and truth by kind.

    Inversion times, flip angles and the pair of spin echoes are series of their own, as scanners
    store them; echoes and b-values are volumes of one series.
    """
    import numpy as np

    from qiqa.simulate.arrangement import simulate_arrangement, split_volumes

    rng = np.random.default_rng(options.seed)
    asked, study = specs(options, phantom), None
    named: dict[str, Series] = {}
    truths = {}
    for kind, spec in asked.items():
        made = simulate_arrangement(phantom, spec, rng, study=study)
        header = made.series.header
        study = (header.study_uid or "", header.frame_of_reference_uid or "")
        truths[kind] = made.truth
        if kind in ("ir", "vfa", "pd"):
            words = {"ir": "ti", "vfa": "flip", "pd": "repeat"}[kind]
            for value, one in zip(
                header.encoding.values, split_volumes(made.series, rng), strict=True
            ):
                named[f"{kind}_{words}_{value:g}"] = one
        else:
            named[kind] = made.series
    return named, asked, truths


def listed(value: object) -> Any:
    """Return a truth with its arrays as lists, ready for `plain`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: listed(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [listed(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value
