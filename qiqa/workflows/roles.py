"""Which series of the protocol a stack is, and how its acquisition departs from it."""

from __future__ import annotations

from qiqa.core.protocol import ExpectedSeries, Protocol
from qiqa.core.scanner import Acquisition
from qiqa.core.series import SeriesHeader

__all__ = ["OTHER", "deviations", "echo_times", "role_of", "volume_of", "wrong_count"]

OTHER = "other"


def role_of(
    header: SeriesHeader, kind: str, protocol: Protocol
) -> tuple[str, ExpectedSeries | None]:
    """Return the role of a located series, by its view of the phantom and its timing."""
    for expected in protocol.series:
        if expected.orientation != kind:
            continue
        if _within(header.acquisition.tr_ms, expected.recognize_tr_ms) and any(
            _within(te, expected.recognize_te_ms) for te in echo_times(header)
        ):
            return expected.role, expected
    return OTHER, None


def echo_times(header: SeriesHeader) -> tuple[float | None, ...]:
    """Return the echo time of every volume [ms]."""
    if header.encoding.name == "echo_time":
        return header.encoding.values
    return (header.acquisition.te_ms,) * header.shape[3]


def volume_of(header: SeriesHeader, expected: ExpectedSeries | None) -> int:
    """Return which volume belongs to the role: the echo that the protocol uses."""
    times = echo_times(header)
    if expected is None or expected.recognize_te_ms is None:
        return 0
    fitting = [n for n, te in enumerate(times) if _within(te, expected.recognize_te_ms)]
    if header.encoding.name == "repeat":
        return 0
    return fitting[-1] if fitting else 0


def _within(value: float | None, span: tuple[float, float] | None) -> bool:
    return span is None or (value is not None and span[0] <= value <= span[1])


def deviations(
    header: SeriesHeader, expected: ExpectedSeries | None, volume: int
) -> tuple[str, ...]:
    """Return how the settings of an acquisition depart from the protocol, in words.

    Unknowns do not count.
    """
    if expected is None:
        return ("not a series of this protocol",)
    a: Acquisition = header.acquisition
    te = echo_times(header)[volume]
    found = []
    spans: tuple[tuple[str, float | None, tuple[float, float] | None, str], ...] = (
        ("TR", a.tr_ms, expected.tr_ms, "ms"),
        ("TE", te, expected.te_ms, "ms"),
        ("slice thickness", a.slice_thickness_mm, expected.slice_thickness_mm, "mm"),
        ("slice spacing", a.slice_spacing_mm, expected.slice_spacing_mm, "mm"),
        ("averages", a.averages, expected.averages, ""),
        ("field of view", None if a.fov_mm is None else max(a.fov_mm), expected.fov_mm, "mm"),
    )
    for name, value, span, unit in spans:
        if value is not None and span is not None and not span[0] <= value <= span[1]:
            found.append(
                f"{name} {value:g} {unit}".strip() + f" instead of {_span(span)} {unit}".rstrip()
            )
    wanted = expected.matrix
    if wanted is not None and a.matrix is not None and tuple(a.matrix) != wanted:
        found.append(f"matrix {a.matrix[0]} x {a.matrix[1]} instead of {wanted[0]} x {wanted[1]}")
    train = a.echo_train_length
    if (
        expected.echo_train_length is not None
        and train is not None
        and train > expected.echo_train_length
    ):
        found.append(f"echo train {train} instead of {expected.echo_train_length}")
    return tuple(found)


def wrong_count(header: SeriesHeader, expected: ExpectedSeries | None) -> str | None:
    """Return in words that a series holds more or fewer slices than the protocol asks for.

    Apart from `deviations`, since it changes no value of the slices that are there.
    """
    if expected is None or expected.n_slices in (None, header.shape[2]):
        return None
    return f"{header.shape[2]} slices instead of {expected.n_slices}"


def _span(span: tuple[float, float]) -> str:
    middle = (span[0] + span[1]) / 2
    return f"{middle:g}" if span[1] - span[0] < 0.2 * abs(middle) else f"{span[0]:g} to {span[1]:g}"
