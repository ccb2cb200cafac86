"""One slice as a classic MR Image Storage object (PS3.3 A.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from qiqa.core.series import Series
from qiqa.io.write_common import base_dataset, decimal, derive_uid, geometry, stored_slice
from qiqa.io.write_vendor import VendorStyle

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["classic_dataset"]


def classic_dataset(
    series: Series,
    k: int,
    style: VendorStyle,
    *,
    series_number: int,
    instance_number: int,
    volume: int = 0,
) -> Dataset:
    """Return slice `k` (from 0) of a series; `volume` says which of several it is."""
    from pydicom.uid import MRImageStorage

    ds = base_dataset(series, style, series_number)
    ds.SOPClassUID = MRImageStorage
    ds.SOPInstanceUID = derive_uid(
        series.header.series_uid, "classic", str(k), *([str(volume)] if volume else [])
    )
    ds.InstanceNumber = instance_number
    ds.ImageType = list(image_type(series, style))
    _add_acquisition(ds, series, style)
    _add_plane(ds, series, k)
    _add_pixels(ds, series, k, style)
    return ds


def image_type(series: Series, style: VendorStyle) -> tuple[str, ...]:
    """Return ImageType with what the vendor adds for the reconstruction state."""
    state = series.header.acquisition.reconstruction
    added = []
    if style.normalized and state.intensity_normalization not in (None, "none"):
        added.append(style.normalized)
    if style.corrected:
        corrected = state.distortion_correction not in (None, "none")
        added.append(style.corrected if corrected else "ND")
    return (*style.image_type, *added)


def _add_acquisition(ds: Dataset, series: Series, style: VendorStyle) -> None:
    acquisition = series.header.acquisition
    ds.ScanningSequence = "SE" if acquisition.spin_echo in (None, True) else "GR"
    ds.SequenceVariant = style.sequence_variant
    ds.ScanOptions = style.scan_options or ""
    ds.MRAcquisitionType = "2D"
    if style.sequence_name:
        ds.SequenceName = style.sequence_name
    ds.ImagedNucleus = "1H"
    ds.EchoNumbers = 1
    numbers = {
        "SliceThickness": acquisition.slice_thickness_mm,
        "RepetitionTime": acquisition.tr_ms,
        "EchoTime": acquisition.te_ms,
        "InversionTime": acquisition.ti_ms,
        "NumberOfAverages": acquisition.averages,
        "FlipAngle": acquisition.flip_angle_deg,
        "PixelBandwidth": acquisition.pixel_bandwidth_hz,
        "MagneticFieldStrength": series.header.scanner.field_strength_t,
        "SpacingBetweenSlices": acquisition.slice_spacing_mm or acquisition.slice_thickness_mm,
        "PercentSampling": 100.0,
        "PercentPhaseFieldOfView": 100.0,
    }
    if acquisition.center_frequency_hz is not None:
        numbers["ImagingFrequency"] = acquisition.center_frequency_hz / 1e6
    for keyword, value in numbers.items():
        if value is not None:
            setattr(ds, keyword, decimal(value))
    ds.EchoTrainLength = acquisition.echo_train_length or 1
    ds.ReceiveCoilName = style.coil
    ds.TransmitCoilName = "Body"
    frequency, phase = acquisition.matrix_acquired or (_rows(series), _rows(series))
    ds.NumberOfPhaseEncodingSteps = phase
    along_row = acquisition.phase_encode_direction == "ROW"
    # Frequency rows, frequency columns, phase rows, phase columns.
    ds.AcquisitionMatrix = [0, frequency, phase, 0] if along_row else [frequency, 0, 0, phase]
    if acquisition.phase_encode_direction is not None:
        ds.InPlanePhaseEncodingDirection = acquisition.phase_encode_direction
    ds.AngioFlag = "N"
    ds.ContentQualification = "RESEARCH"


def _rows(series: Series) -> int:
    """Return the number of stored rows."""
    return series.header.shape[1]


def _add_plane(ds: Dataset, series: Series, k: int) -> None:
    lps, orientation, spacing = geometry(series)
    position = lps[:3, 3] + k * lps[:3, 2]
    ds.ImagePositionPatient = [decimal(float(v) + 0.0) for v in np.round(position, 9)]
    ds.ImageOrientationPatient = [decimal(v) for v in orientation]
    ds.PixelSpacing = [decimal(v) for v in spacing]
    normal = np.cross(orientation[:3], orientation[3:])
    ds.SliceLocation = decimal(float(np.round(normal @ position, 6)) + 0.0)


def _add_pixels(ds: Dataset, series: Series, k: int, style: VendorStyle) -> None:
    stored = stored_slice(series, k, style)
    pixels = stored.pixels
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated, ds.BitsStored = 16, style.bits_stored
    ds.HighBit = style.bits_stored - 1
    ds.PixelRepresentation = 1 if style.bits_stored == 16 else 0
    vr = "SS" if style.bits_stored == 16 else "US"
    ds.add_new("SmallestImagePixelValue", vr, int(pixels.min()))
    ds.add_new("LargestImagePixelValue", vr, int(pixels.max()))
    top = float(pixels.max()) * stored.slope
    ds.WindowCenter, ds.WindowWidth = decimal(top / 2), decimal(max(top, 1.0))
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    if style.rescales:
        ds.RescaleIntercept, ds.RescaleSlope = 0, decimal(stored.slope)
        ds.RescaleType = "normalized"
        block = ds.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
        block.add_new(0x0E, "FL", stored.scale_slope)
    elif stored.slope != 1:
        ds.RescaleIntercept, ds.RescaleSlope = 0, decimal(stored.slope)
        ds.RescaleType = "US"
    ds.PixelData = pixels.astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
