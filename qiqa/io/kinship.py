"""What must agree between series of one acquisition, and what may have been varied."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import PurePath

from qiqa.core.series import SeriesHeader
from qiqa.io.bids import BidsName, bids_name, stem_of

__all__ = ["AXES", "Axis", "family", "settings_agree"]

_REGULAR = 1e-3
"""Share by which settings that agree may differ: the rounding of printed times."""
_NUMBER = re.compile(
    r"(?P<whose>(sub|subj|subject|pat|patient|id|vol|volunteer|phantom|run|scan|rep|repeat)[-_ ]?)?"
    r"\d+(\.\d+)?",
    re.IGNORECASE,
)
"""A number in a file name, and whether it says whose images these are, or of which run.

Other numbers may count the files of one acquisition: `se_TI50_3.nii`, `mese_e1.nii`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """One setting that may be varied within an acquisition."""

    name: str
    """As in `Encoding.name`."""
    words: str
    unit: str
    value: Callable[[SeriesHeader], float | None]
    entity: str | None = None
    """BIDS entity that counts its values."""
    frees: frozenset[str] = frozenset()
    """Settings that may vary along with it."""

    def rounded(self, header: SeriesHeader) -> tuple[object, ...]:
        """Return what tells the volume of `header` from others on this axis."""
        directions = header.encoding.directions if self.name == "b_value" else None
        spread = None if directions is None else tuple(round(x, 3) for x in directions[0])
        return (round(self.value(header) or 0.0, 3), spread)


def _b_value(header: SeriesHeader) -> float | None:
    return header.encoding.values[0] if header.encoding.name == "b_value" else None


AXES = (
    Axis(name="b_value", words="b-value", unit="s/mm²", value=_b_value),
    Axis(
        name="inversion_time",
        words="inversion time",
        unit="ms",
        value=lambda h: h.acquisition.ti_ms,
        entity="inv",
        # a short wait after the readout makes the repetition time grow with the inversion time
        frees=frozenset({"repetition_time"}),
    ),
    Axis(
        name="flip_angle",
        words="flip angle",
        unit="degree",
        value=lambda h: h.acquisition.flip_angle_deg,
        entity="flip",
    ),
    Axis(
        name="echo_time",
        words="echo time",
        unit="ms",
        value=lambda h: h.acquisition.te_ms,
        entity="echo",
    ),
    Axis(
        name="repetition_time",
        words="repetition time",
        unit="ms",
        value=lambda h: h.acquisition.tr_ms,
    ),
)
"""In the order they are tried: of a grid of two, the later one stays apart."""

_BIDS_AXES = {
    "IRT1": "inversion_time",
    "VFA": "flip_angle",
    "TB1DAM": "flip_angle",
    "MESE": "echo_time",
    "MEGRE": "echo_time",
    "dwi": "b_value",
    # each a method of its own: contrasts, not points of one curve
    **dict.fromkeys(("MP2RAGE", "MPM", "MTS", "MTR", "TB1AFI", "TB1TFL", "TB1RFM"), ""),
}
"""What the suffix says was varied; other suffixes leave it open."""


def family(header: SeriesHeader, axis: Axis) -> tuple[object, ...] | None:
    """Return what is the same for all series of one acquisition; None where it varies not `axis`.

    Center frequency, averages and the gradients' name in a sequence may differ: they are set
    anew for each series or follow from what was varied.
    """
    files = _files(header, axis)
    if files is None:
        return None
    a, scanner = header.acquisition, header.scanner
    study = header.study_uid or str(PurePath(header.paths[0]).parent)
    return (
        (*files, study, header.frame_of_reference_uid, header.dialect, header.modality),
        (header.component, header.derived, scanner, a.software, a.coil, a.coil_elements),
        (_sequence(a.sequence), a.spin_echo, a.echo_train_length, a.slice_thickness_mm),
        (a.matrix_acquired, a.phase_encode_direction, a.patient_position, a.acceleration),
        (a.pixel_bandwidth_hz, a.reconstruction),
    )


def _sequence(text: str | None) -> str | None:
    """Return a sequence's kind and name without what diffusion weighting adds (`ep_b500t`)."""
    return None if text is None else re.sub(r"[_#]?b?[0-9_#]*t?\Z", "", text)


def _files(header: SeriesHeader, axis: Axis) -> tuple[object, ...] | None:
    """Return what names of NIfTI files must share; nothing for DICOM, whose names tell nothing."""
    if header.dialect != "nifti":
        return ()
    source = header.frames[0][0]
    path = source.member or source.path
    folder = str(PurePath(path).parent)
    named = bids_name(path)
    if named is not None:
        return _bids_files(named, folder, axis)
    if header.study_uid is not None:
        return (source.path if source.member else "", folder)
    stem = PurePath(stem_of(path) or path).name
    common = _NUMBER.sub(lambda m: m[0] if m["whose"] else "#", stem)
    return (source.path if source.member else "", folder, common)


def _bids_files(named: BidsName, folder: str, axis: Axis) -> tuple[object, ...] | None:
    if axis.name != _BIDS_AXES.get(named.suffix, axis.name):
        return None
    entities = {key: value for key, value in named.entities.items() if key != axis.entity}
    return (folder, *sorted(entities.items()), named.suffix)


def settings_agree(a: SeriesHeader, b: SeriesHeader, axis: Axis) -> bool:
    """Say whether all settings but that of `axis` and those it frees are the same."""
    return all(
        _close(other.value(a), other.value(b))
        for other in AXES
        if other.name != axis.name and other.name not in axis.frees
    )


def _close(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return abs(a - b) <= _REGULAR * max(abs(a), abs(b))
