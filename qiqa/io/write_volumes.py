"""Series of several volumes as classic DICOM: what each volume states of its own."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from qiqa.core.series import Encoding, Series
from qiqa.io.write_vendor import VendorStyle

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["add_encoding", "one_volume"]

_FIELDS = {
    "inversion_time": "ti_ms",
    "echo_time": "te_ms",
    "flip_angle": "flip_angle_deg",
    "repetition_time": "tr_ms",
}
"""Encoding -> the field of an acquisition that its values are."""
_GE_BIAS = 1_000_000_000
"""GE adds this to b-values in (0043,1039)."""


def one_volume(series: Series, n: int) -> Series:
    """Return volume `n` of a series, with the encoding's value in its acquisition."""
    header, encoding = series.header, series.header.encoding
    field, acquisition = _FIELDS.get(encoding.name), header.acquisition
    if field is not None:
        values = {f.name: getattr(acquisition, f.name) for f in dataclasses.fields(acquisition)}
        acquisition = type(acquisition)(**{**values, field: encoding.values[n]})
    directions = None if encoding.directions is None else (encoding.directions[n],)
    alone = dataclasses.replace(encoding, values=(encoding.values[n],), directions=directions)
    return dataclasses.replace(
        series,
        header=dataclasses.replace(
            header,
            acquisition=acquisition,
            shape=(*header.shape[:3], 1),
            encoding=alone if encoding.tr_ms is None else Encoding(),
            frames=header.frames[n : n + 1],
        ),
        signal=series.signal[..., n : n + 1],
    )


def add_encoding(ds: Dataset, series: Series, n: int, style: VendorStyle) -> None:
    """Add what volume `n` states besides the acquisition: its echo, b-value and direction.

    b-value and direction stand in the standard's attributes and where the vendor keeps them.
    """
    encoding = series.header.encoding
    if encoding.name == "echo_time":
        ds.EchoNumbers = n + 1
    if encoding.name == "repeat":
        ds.AcquisitionNumber = n + 1
        ds.TemporalPositionIdentifier = n + 1
    if series.header.acquisition.ti_ms is not None:
        ds.ScanningSequence = ["IR", "SE"]
    if encoding.name != "b_value":
        return
    ds.ScanningSequence = ["EP", "SE"]
    ds.ScanOptions = ""
    b_value = encoding.values[0]
    direction = None
    if encoding.directions is not None and any(encoding.directions[0]):
        ras = np.array(encoding.directions[0])
        direction = [float(v) + 0.0 for v in ras * (-1.0, -1.0, 1.0)]
    ds.DiffusionBValue = b_value
    if direction is not None:
        ds.DiffusionDirectionality = "DIRECTIONAL"
        ds.DiffusionGradientOrientation = direction
    else:
        ds.DiffusionDirectionality = "ISOTROPIC" if b_value else "NONE"
    _add_private(ds, b_value, direction, style)


def _add_private(
    ds: Dataset, b_value: float, direction: list[float] | None, style: VendorStyle
) -> None:
    if style.manufacturer.startswith("Siemens"):
        block = ds.private_block(0x0019, "SIEMENS MR HEADER", create=True)
        block.add_new(0x0C, "IS", round(b_value))
        if direction is not None:
            block.add_new(0x0E, "FD", direction)
    elif style.manufacturer.startswith("GE"):
        block = ds.private_block(0x0043, "GEMS_PARM_01", create=True)
        block.add_new(0x39, "IS", [_GE_BIAS + round(b_value), 8, 0, 0])
    else:
        block = ds.private_block(0x2001, "Philips Imaging DD 001", create=True)
        block.add_new(0x03, "FL", b_value)
        if direction is not None:
            axes = ds.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
            for step, value in enumerate(direction):
                axes.add_new(0xB0 + step, "FL", value)
