"""Which series is mapped, with which model, and why, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from types import ModuleType

from qiqa.core.errors import ExamError, UsageError
from qiqa.core.finding import Finding, Severity
from qiqa.core.series import SeriesHeader
from qiqa.workflows.choosing import is_mr
from qiqa.workflows.directions import averaging, count_directions

__all__ = ["QUANTITIES", "Choice", "choose"]

QUANTITIES = {"adc": "ADC", "t1": "T1", "t2": "T2", "t2star": "T2*", "b1": "B1"}
"""Name on the command line -> name for people."""

_NEEDED = {
    "adc": "a diffusion series with two b-values or more (vendor trace images will do)",
    "t1": "an inversion recovery of three inversion times or more, a spoiled gradient echo of two "
    "flip angles or more with a known TR, or a saturation recovery of two TR or more",
    "t2": "a spin-echo series of two echo times or more",
    "t2star": "a gradient-echo series of two echo times or more",
    "b1": "two flip angles of which one is twice the other (double-angle method)",
}
_ENCODINGS = {
    "adc": ("b_value",),
    "t1": ("inversion_time", "flip_angle", "repetition_time"),
    "t2": ("echo_time",),
    "t2star": ("echo_time",),
    "b1": ("flip_angle",),
}
_PLURAL = {
    "b_value": "b-values",
    "inversion_time": "inversion times",
    "flip_angle": "flip angles",
    "repetition_time": "repetition times",
    "echo_time": "echo times",
    "repeat": "repeats",
    "none": "unlabeled volumes",
}
_SHOWN = 12
"""How many series an error lists."""
_SHORTEST_DOUBLE_ANGLE_TR_MS = 1000.0
"""Without full relaxation the ratio of the two signals depends on T1: with TR below this, images
of two angles are a variable-flip-angle series and not meant for the double-angle method."""


_TRAIN = 5
"""Echoes from which on a train tells B1 beside T2."""


class _Unfit(Exception):  # noqa: N818 - an answer, not a fault
    """Why a series cannot give the map that was asked for."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is fitted and how."""

    header: SeriesHeader
    model: str
    why: str
    directions: str = "combined"
    """How diffusion directions are treated: `combined`, `each`, `trace` or `tensor`."""
    findings: tuple[Finding, ...] = ()


def choose(
    headers: Sequence[SeriesHeader],
    quantity: str,
    *,
    where: str,
    model: ModuleType | None = None,
    number: int | None = None,
    directions: str | None = None,
) -> Choice:
    """Return the one series that gives the map asked for, and the model for it.

    Parameters
    ----------
    headers
        What was read, collected into series.
    quantity
        A name in `QUANTITIES`.
    where
        Where the headers came from, for messages.
    model
        Module of the model asked for; None takes the one that fits the acquisition.
    number
        Which of several candidates, from 1.
    directions
        How to treat diffusion directions; None decides by how many there are.

    Raises
    ------
    ExamError
        If no series will do, or several and none was chosen; the message lists them.
    UsageError
        If the model asked for maps something else, or `number` is not one of the candidates.
    """
    if model is not None and quantity != model.QUANTITY:
        name = _name(model)
        raise UsageError(
            f"{name!r} maps {QUANTITIES.get(model.QUANTITY, model.QUANTITY)}, "
            f"not {QUANTITIES[quantity]}",
            where="--model",
            hint=f"leave --model away, or use qiqa map {model.QUANTITY}",
        )
    directions = _model_and_directions(model, directions)
    fitting: list[Choice] = []
    unfit: list[tuple[SeriesHeader, str]] = []
    for header in headers:
        try:
            fitting.append(_judged(header, quantity, model, directions))
        except _Unfit as reason:
            unfit.append((header, str(reason)))
    if not fitting:
        raise _none(unfit, quantity, where)
    if number is not None and number > len(fitting):
        count = f"{len(fitting)} series" if len(fitting) > 1 else "only 1 series"
        raise UsageError(
            f"there is no series {number}: {count} can give {_map(quantity)}",
            where="--series",
            hint=f"choose one of\n{_listing(fitting)}",
        )
    if number is None and len(fitting) > 1:
        raise ExamError(
            f"{len(fitting)} series can give {_map(quantity)}",
            where=where,
            hint=f"choose one:\n{_listing(fitting)}",
        )
    return fitting[(number or 1) - 1]


def _map(quantity: str) -> str:
    return f"{'an' if quantity == 'adc' else 'a'} {QUANTITIES[quantity]} map"


def _name(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def _judged(
    header: SeriesHeader, quantity: str, model: ModuleType | None, directions: str | None
) -> Choice:
    """Return how a series would be fitted.

    Raises
    ------
    _Unfit
        Saying why it cannot be.
    """
    _check_images(header, quantity)
    encodings = _ENCODINGS[quantity] if model is None else (model.ENCODING,)
    encoding = header.encoding
    if len(encoding.values) < 2:
        raise _Unfit("one volume")
    if encoding.name not in encodings:
        wanted = " or ".join(_PLURAL.get(name, name) for name in encodings)
        raise _Unfit(f"{_found(header)}, no {wanted}")
    _check_values(header)
    if encoding.name == "b_value":
        return _diffusion(header, directions, model)
    chosen, words = _RULES[encoding.name](header, quantity, model)
    findings: tuple[Finding, ...] = ()
    if model is not None:
        findings = _overruled(header, quantity, model)
        if _name(model) != chosen:
            chosen, words = _name(model), f"{model.TITLE}, as asked for"
    why = f"{_acquired(header)}: {words}"
    return Choice(header=header, model=chosen, why=why, findings=findings)


def _overruled(header: SeriesHeader, quantity: str, model: ModuleType) -> tuple[Finding, ...]:
    """Say what would have been in the way, had the model not been asked for by name."""
    try:
        _RULES[header.encoding.name](header, quantity, None)
    except _Unfit as reason:
        return (
            Finding(
                code="model_overruled",
                severity=Severity.WARNING,
                message=f"{_name(model)} as asked for, although: {str(reason).partition(';')[0]}",
                where=header.description,
                series_uid=header.series_uid,
            ),
        )
    return ()


def _check_images(header: SeriesHeader, quantity: str) -> None:
    if not is_mr(header):
        raise _Unfit(f"{header.modality}, not MR")
    if header.component == "tracew" and quantity == "adc":
        return
    if header.component not in ("magnitude", "real", "tracew"):
        kind = "map" if header.derived else "images"
        raise _Unfit(f"{header.component} {kind}, not the signal that was measured")
    if header.derived:
        raise _Unfit("computed by the scanner, not measured")
    if header.component == "real" and header.encoding.name != "inversion_time":
        raise _Unfit("real part; the magnitude is needed")


def _check_values(header: SeriesHeader) -> None:
    """Refuse too few different values: more unknowns than equations."""
    encoding = header.encoding
    different = len({round(value, 3) for value in encoding.values})
    least = 3 if encoding.name == "inversion_time" else 2
    if different < least:
        kinds = _PLURAL[encoding.name]
        raise _Unfit(f"{different} different {kinds}, at least {least} are needed")


def _inversion_recovery(
    header: SeriesHeader, _quantity: str, _model: ModuleType | None
) -> tuple[str, str]:
    varies = header.encoding.tr_ms is not None
    if header.component == "real":
        if varies:
            raise _Unfit("real part with a TR that differs by volume; give the magnitude images")
        return "t1_inversion_recovery_signed", "signed inversion recovery"
    if varies:
        words = "inversion recovery with polarity restored and the TR of each volume"
        return "t1_inversion_recovery_tr", words
    return "t1_inversion_recovery", "inversion recovery with polarity restored"


def _saturation_recovery(
    _header: SeriesHeader, _quantity: str, _model: ModuleType | None
) -> tuple[str, str]:
    return "t1_saturation_recovery", "saturation recovery"


def _flip_angles(header: SeriesHeader, quantity: str, model: ModuleType | None) -> tuple[str, str]:
    angles = sorted({round(value, 3) for value in header.encoding.values})
    tr_ms = header.acquisition.tr_ms
    if quantity == "b1":
        if len(angles) != 2 or abs(angles[1] / angles[0] - 2.0) > 0.01:
            text = ", ".join(f"{a:g}" for a in angles)
            raise _Unfit(f"flip angles {text}°: not two of which one is twice the other")
        if model is None and tr_ms is not None and tr_ms < _SHORTEST_DOUBLE_ANGLE_TR_MS:
            raise _Unfit(
                f"TR {tr_ms:g} ms is too short for the double-angle method, which needs full "
                "relaxation; --model b1_double_angle overrules"
            )
        return "b1_double_angle", "double-angle method"
    if tr_ms is None and header.encoding.tr_ms is None:
        raise _Unfit("variable flip angles, but the header does not say the TR")
    if header.acquisition.spin_echo and model is None:
        raise _Unfit("variable flip angles of a spin echo; a spoiled gradient echo is needed")
    if angles[0] <= 0 and len(angles) < 3:
        raise _Unfit("a flip angle of 0° has no signal; at least 2 others are needed")
    return "t1_vfa", "variable flip angles, spoiled gradient echo"


def _echoes(header: SeriesHeader, quantity: str, model: ModuleType | None) -> tuple[str, str]:
    spin_echo = header.acquisition.spin_echo
    if model is None and spin_echo is None:
        raise _Unfit(
            "the header does not say whether these are spin or gradient echoes; "
            f"--model {quantity} if you know"
        )
    if model is None and quantity == "t2" and not spin_echo:
        raise _Unfit(
            "gradient echoes decay with T2*, which is shorter than T2; "
            "use qiqa map t2star, or --model t2 if the header is wrong"
        )
    if model is None and quantity == "t2star" and spin_echo:
        raise _Unfit(
            "spin echoes decay with T2, not T2*; "
            "use qiqa map t2, or --model t2star if the header is wrong"
        )
    kind = {True: "spin echoes", False: "gradient echoes", None: "echoes"}[spin_echo]
    words = f"mono-exponential decay of {kind}"
    if quantity == "t2" and spin_echo and len(header.encoding.values) >= _TRAIN:
        words += " (--model t2_epg corrects for stimulated echoes)"
    return quantity, words


_RULES: dict[str, Callable[[SeriesHeader, str, ModuleType | None], tuple[str, str]]] = {
    "inversion_time": _inversion_recovery,
    "repetition_time": _saturation_recovery,
    "flip_angle": _flip_angles,
    "echo_time": _echoes,
}


def _model_and_directions(model: ModuleType | None, directions: str | None) -> str | None:
    """Return the directions asked for, by themselves or by the model.

    Raises
    ------
    UsageError
        If the two contradict each other.
    """
    if model is None:
        return directions
    tensor = _name(model) == "diffusion_tensor"
    if directions is not None and (directions == "tensor") != tensor:
        raise UsageError(
            f"model {_name(model)} does not go with directions {directions!r}",
            where="--directions",
            hint="leave one of --model and --directions away",
        )
    return "tensor" if tensor else directions


def _diffusion(header: SeriesHeader, directions: str | None, model: ModuleType | None) -> Choice:
    try:
        how = averaging(header.encoding, directions)
    except UsageError as error:
        raise _Unfit(error.message) from None
    name = "adc" if model is None else _name(model)
    if how.directions == "tensor":
        name = "diffusion_tensor"
        count = count_directions(header.encoding)
        if count < 6:
            raise _Unfit(f"{count} diffusion directions; a tensor needs 6 or more")
    words = how.words
    if header.component == "tracew":
        words = f"vendor trace images, {words}"
    return Choice(
        header=header,
        model=name,
        why=f"{_found(header)}: {words}",
        directions=how.directions,
        findings=how.findings,
    )


def _found(header: SeriesHeader) -> str:
    """Return the volumes in words: `10 inversion times 35 to 3000 ms`."""
    encoding = header.encoding
    different = sorted({round(value, 3) for value in encoding.values})
    kind = _PLURAL.get(encoding.name, encoding.name)
    if encoding.name in ("none", "repeat") or len(different) < 2:
        return f"{len(encoding.values)} {kind}"
    unit = "°" if encoding.unit == "degree" else f" {encoding.unit}"
    if len(different) <= 3:
        values = f"{', '.join(f'{v:g}' for v in different[:-1])} and {different[-1]:g}"
    else:
        values = f"{different[0]:g} to {different[-1]:g}"
    words = f"{len(different)} {kind} {values}{unit}"
    more = len(encoding.values)
    return words if more == len(different) else f"{words} in {more} volumes"


def _acquired(header: SeriesHeader) -> str:
    """Return volumes, repetition time and kind of image in words."""
    encoding = header.encoding
    parts = [_found(header)]
    if encoding.name != "repetition_time":
        if encoding.tr_ms is not None:
            low, high = min(encoding.tr_ms), max(encoding.tr_ms)
            parts.append(f"TR {low:g} to {high:g} ms")
        elif header.acquisition.tr_ms is not None:
            parts.append(f"one TR {header.acquisition.tr_ms:g} ms")
    parts.append("real part" if header.component == "real" else header.component)
    return ", ".join(parts)


def _label(header: SeriesHeader) -> str:
    # headers may hold line breaks
    name = " ".join((header.description or header.series_uid).split())[:60]
    ni, nj, nk, _ = header.shape
    when = header.acquisition.acquired_at
    taken = f", {when:%Y-%m-%d %H:%M}" if when is not None else ""
    return f"{name} ({ni} x {nj} x {nk}{taken})"


def _listing(choices: Sequence[Choice]) -> str:
    lines = [
        f"    --series {number}: {_label(choice.header)}: {choice.why}"
        for number, choice in enumerate(choices, start=1)
    ]
    more = len(lines) - _SHOWN
    return "\n".join([*lines[:_SHOWN], *([f"    and {more} more"] if more > 0 else [])])


def _none(unfit: Sequence[tuple[SeriesHeader, str]], quantity: str, where: str) -> ExamError:
    lines = [f"\n  {_label(header)}: {reason}" for header, reason in unfit]
    # many single images with the same fault say it once
    lines = list(dict.fromkeys(lines))
    more = f"\n  and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return ExamError(
        f"no series here can give {_map(quantity)}{''.join(lines[:_SHOWN])}{more}",
        where=where,
        hint=f"give {_NEEDED[quantity]}; qiqa index lists what is there",
    )
