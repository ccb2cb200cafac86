"""One series held against what a protocol expects: each setting in order, deviating or unknown."""

from __future__ import annotations

import dataclasses
from typing import Literal

from qiqa.core.protocol import ExpectedSeries
from qiqa.core.series import SeriesHeader

__all__ = ["Check", "checks_of", "effect_of", "recognized", "says_how"]

State = Literal["in_order", "more", "deviates", "unknown"]

_NOMINAL = 0.02
"""Largest part by which a value may differ from its nominal one."""
_NOT_ASKED = ("flip_angle_deg",)
"""Facts that say nothing about a series in which they are varied."""
_MAPS = ("adc", "fa", "ev", "t1", "t2", "phase", "real", "imaginary")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One setting of a series, held against the protocol."""

    field: str
    """Key of the expected series."""
    label: str
    """Words for a person."""
    found: str
    allowed: str
    state: State
    effect: str = ""
    """What the deviation does to the result; empty where it is none or nobody has said."""


def effect_of(expected: ExpectedSeries, field: str, given: tuple[float, ...] = ()) -> str:
    """Return what a deviation of a field does to the result, as the protocol says it.

    `given` are the values that were acquired, for `values`.
    """
    fitting = (
        e.text
        for e in expected.effect
        if e.field == field
        and (e.without is None or not any(e.without[0] <= v <= e.without[1] for v in given))
    )
    return "; ".join(fitting)


def says_how(expected: ExpectedSeries) -> bool:
    """Say whether a protocol tells how a series must be acquired, not only what is varied."""
    plain = ExpectedSeries(role="", orientation="inserts", required=False)
    names = ("values", "repeats", *(name for name, _, _ in _SPANS), *(n for n, _ in _STATES))
    return any(getattr(expected, name) != getattr(plain, name) for name in names)


def recognized(header: SeriesHeader, expected: ExpectedSeries) -> bool:
    """Say whether a stack is an expected series, by what is varied and by its geometry."""
    if header.component in _MAPS or header.encoding.name != expected.encoding:
        return False
    a = header.acquisition
    pairs = (
        (header.shape[2], expected.recognize_slices),
        (a.tr_ms, expected.recognize_tr_ms),
        (a.te_ms, expected.recognize_te_ms),
    )
    return all(s is None or (v is not None and s[0] <= v <= s[1]) for v, s in pairs)


def checks_of(header: SeriesHeader, expected: ExpectedSeries) -> tuple[Check, ...]:
    """Return every setting that the protocol has a word on; what a header lacks is unknown."""
    facts = _facts(header)
    found = [] if expected.values is None else [_values(header, expected)]
    for field, label, unit in _SPANS:
        span = getattr(expected, field)
        varied = field in _NOT_ASKED and header.encoding.name == "flip_angle"
        if span is None or varied or (field == "slice_spacing_mm" and header.shape[2] == 1):
            continue
        found.append(_span(field, label, unit, facts[field], span, expected))
    for field, label in _STATES:
        allowed = getattr(expected, field)
        if allowed is None:
            continue
        value = getattr(header.acquisition.reconstruction, field)
        found.append(
            _check(
                expected,
                field,
                label,
                found=value or "",
                allowed=" or ".join(allowed),
                fits=None if value is None else value in allowed,
            )
        )
    return (*found, *_exact(header, expected))


_SPANS = (
    ("tr_ms", "TR", "ms"),
    ("te_ms", "TE", "ms"),
    ("flip_angle_deg", "flip angle", "°"),
    ("fov_mm", "field of view", "mm"),
    ("acquired_matrix", "acquired matrix", ""),
    ("slice_thickness_mm", "slice thickness", "mm"),
    ("slice_spacing_mm", "slice spacing", "mm"),
    ("slices", "slices", ""),
    ("averages", "averages", ""),
    ("pixel_bandwidth_hz", "bandwidth", "Hz/pixel"),
    ("acceleration", "acceleration", ""),
    ("field_strength_t", "field strength", "T"),
)
_LABELS = {"b_value": "b-values", "none": "values"}
_STATES = (
    ("distortion_correction", "distortion correction"),
    ("intensity_normalization", "intensity normalization"),
    ("combine_mode", "coil combination"),
)


def _facts(header: SeriesHeader) -> dict[str, tuple[float | None, ...]]:
    """Return what a header says for each window: every number must be inside."""
    a = header.acquisition
    return {
        "tr_ms": header.encoding.tr_ms or (a.tr_ms,),
        "te_ms": (a.te_ms,),
        "flip_angle_deg": (a.flip_angle_deg,),
        "fov_mm": a.fov_mm or (None,),
        "acquired_matrix": a.matrix_acquired or (None,),
        "slice_thickness_mm": (a.slice_thickness_mm,),
        "slice_spacing_mm": (a.slice_spacing_mm,),
        "slices": (header.shape[2],),
        "averages": (a.averages,),
        "pixel_bandwidth_hz": (a.pixel_bandwidth_hz,),
        "acceleration": (a.acceleration,),
        "field_strength_t": (header.scanner.field_strength_t,),
    }


def _check(
    expected: ExpectedSeries, field: str, label: str, *, found: str, allowed: str, fits: bool | None
) -> Check:
    state: State = "unknown" if fits is None else "in_order" if fits else "deviates"
    effect = effect_of(expected, field) if state == "deviates" else ""
    return Check(field=field, label=label, found=found, allowed=allowed, state=state, effect=effect)


def _span(
    field: str,
    label: str,
    unit: str,
    given: tuple[float | None, ...],
    span: tuple[float, float],
    expected: ExpectedSeries,
) -> Check:
    known = [value for value in given if value is not None]
    whole = len(known) == len(given)
    fits = all(span[0] - 1e-6 <= v <= span[1] + 1e-6 for v in known)
    between = " x " if field in ("fov_mm", "acquired_matrix") else ", "
    shown = between.join(f"{v:.6g}" for v in dict.fromkeys(round(v, 3) for v in known))
    reach = f"{span[0]:g}" if span[0] == span[1] else f"{span[0]:g} to {span[1]:g}"
    return _check(
        expected,
        field,
        label,
        found=f"{shown} {unit}".strip() if known else "",
        allowed=f"{reach} {unit}".strip(),
        fits=fits if whole or not fits else None,
    )


def _exact(header: SeriesHeader, expected: ExpectedSeries) -> tuple[Check, ...]:
    """Check what older keys ask for: one matrix, one number of slices, a longest echo train."""
    a, found = header.acquisition, []
    if expected.matrix is not None:
        found.append(
            _check(
                expected,
                "matrix",
                "matrix",
                found="" if a.matrix is None else f"{a.matrix[0]} x {a.matrix[1]}",
                allowed=f"{expected.matrix[0]} x {expected.matrix[1]}",
                fits=None if a.matrix is None else tuple(a.matrix) == expected.matrix,
            )
        )
    n = expected.n_slices
    if n is not None:
        k = header.shape[2]
        found.append(
            _check(expected, "n_slices", "slices", found=f"{k}", allowed=f"{n}", fits=k == n)
        )
    longest, train = expected.echo_train_length, a.echo_train_length
    if longest is not None:
        found.append(
            _check(
                expected,
                "echo_train_length",
                "echo train",
                found="" if train is None else f"{train}",
                allowed=f"at most {longest}",
                fits=None if train is None else train <= longest,
            )
        )
    return tuple(found)


def _values(header: SeriesHeader, expected: ExpectedSeries) -> Check:
    """Check that each nominal value was acquired; more than those take nothing away."""
    nominal, given = expected.values or (), header.encoding.values
    lost = tuple(v for v in nominal if not any(_meets(g, v) for g in given))
    more = tuple(g for g in given if not any(_meets(g, v) for v in nominal))
    said = [f"{len(set(given))} values"]
    said += [f"without {_list(lost)}"] if lost else []
    said += [f"also {_list(more)}"] if more else []
    return Check(
        field="values",
        label=_LABELS.get(header.encoding.name, header.encoding.name.replace("_", " ") + "s"),
        found=", ".join(said),
        allowed=f"{_list(nominal)} {header.encoding.unit}".strip(),
        state="deviates" if lost else "more" if more else "in_order",
        effect=effect_of(expected, "values", given) if lost else "",
    )


def _meets(given: float, nominal: float) -> bool:
    return abs(given - nominal) <= max(_NOMINAL * abs(nominal), 1e-6)


def _list(values: tuple[float, ...]) -> str:
    unique = tuple(dict.fromkeys(round(v, 2) for v in values))
    if len(unique) > 10:
        return f"{unique[0]:g}, {unique[1]:g} … {unique[-1]:g}"
    return ", ".join(f"{v:g}" for v in unique)
