"""A whole series as one Enhanced MR Image Storage object (PS3.3 A.36)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np

from qiqa.core.errors import OutputError
from qiqa.core.series import Series
from qiqa.io.write_classic import image_type
from qiqa.io.write_common import Stored, base_dataset, decimal, derive_uid, geometry, stored_slice
from qiqa.io.write_vendor import VendorStyle

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["enhanced_dataset"]

_STACK = "1"


def enhanced_dataset(series: Series, style: VendorStyle, *, series_number: int) -> Dataset:
    """Return all slices of a series as one object.

    Raises
    ------
    OutputError
        If the time of acquisition, which the standard requires here, is not known.
    """
    from pydicom.uid import EnhancedMRImageStorage

    when = series.header.acquisition.acquired_at
    if when is None:
        raise OutputError(
            "an enhanced object needs the time of acquisition",
            where=series.header.key,
            hint="state acquired_at, or write classic objects",
        )
    count = series.header.shape[2]
    slices = [stored_slice(series, k, style) for k in range(count)]
    ds = base_dataset(series, style, series_number)
    for keyword in ("AcquisitionDate", "AcquisitionTime", "Laterality"):
        if keyword in ds:
            del ds[keyword]
    ds.SOPClassUID = EnhancedMRImageStorage
    ds.SOPInstanceUID = derive_uid(series.header.series_uid, "enhanced")
    ds.InstanceNumber = 1
    ds.AcquisitionDateTime = _stamp(when)
    ds.AcquisitionDuration = _duration_s(series)
    _add_frame_type(ds, series, "ImageType")
    _add_pulse_sequence(ds, series, style)
    _add_dimensions(ds, series)
    ds.SharedFunctionalGroupsSequence = [_shared(series, style)]
    ds.PerFrameFunctionalGroupsSequence = [
        _frame(series, style, k, slices[k], when) for k in range(count)
    ]
    _add_pixels(ds, slices, style)
    return ds


def _item(**values: Any) -> Dataset:
    from pydicom import Dataset

    ds = Dataset()
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    return ds


def _stamp(when: dt.datetime) -> str:
    return when.strftime("%Y%m%d%H%M%S.%f")


def _duration_s(series: Series) -> float:
    acquisition = series.header.acquisition
    steps = acquisition.matrix_acquired[1] if acquisition.matrix_acquired else 0
    return (acquisition.tr_ms or 0.0) * steps * (acquisition.averages or 1.0) / 1000


def _add_frame_type(ds: Dataset, series: Series, keyword: str) -> None:
    # Value 3 of an enhanced image type is `OTHER` or a defined term; scanners write `M` there.
    setattr(ds, keyword, ["ORIGINAL", "PRIMARY", "M", "NONE"])
    ds.PixelPresentation = "MONOCHROME"
    ds.VolumetricProperties = "VOLUME"
    ds.VolumeBasedCalculationTechnique = "NONE"
    ds.ComplexImageComponent = "MAGNITUDE"
    te_ms = series.header.acquisition.te_ms or 0.0
    ds.AcquisitionContrast = "T2" if te_ms >= 60 else "T1"


def _add_pulse_sequence(ds: Dataset, series: Series, style: VendorStyle) -> None:
    spin_echo = series.header.acquisition.spin_echo in (None, True)
    field = series.header.scanner.field_strength_t
    values: dict[str, Any] = {
        "PulseSequenceName": style.sequence_name or "SE",
        "MRAcquisitionType": "2D",
        "EchoPulseSequence": "SPIN" if spin_echo else "GRADIENT",
        "MultipleSpinEcho": "NO",
        "MultiPlanarExcitation": "NO",
        "PhaseContrast": "NO",
        "TimeOfFlightContrast": "NO",
        "SteadyStatePulseSequence": "NONE",
        "EchoPlanarPulseSequence": "NO",
        "SaturationRecovery": "NO",
        "SpectrallySelectedSuppression": "NONE",
        "GeometryOfKSpaceTraversal": "RECTILINEAR",
        "RectilinearPhaseEncodeReordering": "LINEAR",
        "SegmentedKSpaceTraversal": "SINGLE",
        "OversamplingPhase": "NONE",
        "NumberOfKSpaceTrajectories": 1,
        "ResonantNucleus": "1H",
        "KSpaceFiltering": "NONE",
        "ApplicableSafetyStandardAgency": "IEC",
        "ContentQualification": "RESEARCH",
        "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00",
        "PresentationLUTShape": "IDENTITY",
        "AcquisitionContextSequence": [],
    }
    for keyword, value in values.items():
        setattr(ds, keyword, value)
    if field is not None:
        ds.MagneticFieldStrength = decimal(field)


def _add_dimensions(ds: Dataset, series: Series) -> None:
    from pydicom.datadict import tag_for_keyword
    from pydicom.tag import Tag

    uid = derive_uid(series.header.series_uid, "dimensions")
    ds.DimensionOrganizationSequence = [_item(DimensionOrganizationUID=uid)]
    content = Tag(tag_for_keyword("FrameContentSequence") or 0)
    ds.DimensionIndexSequence = [
        _item(
            DimensionOrganizationUID=uid,
            DimensionIndexPointer=Tag(tag_for_keyword(keyword) or 0),
            FunctionalGroupPointer=content,
            DimensionDescriptionLabel=label,
        )
        for keyword, label in (("StackID", "stack"), ("InStackPositionNumber", "position"))
    ]


def _shared(series: Series, style: VendorStyle) -> Dataset:
    """Return the functional groups that all frames share."""
    acquisition = series.header.acquisition
    _, orientation, spacing = geometry(series)
    thickness = acquisition.slice_thickness_mm
    measures = _item(PixelSpacing=[decimal(v) for v in spacing])
    if thickness is not None:
        measures.SliceThickness = decimal(thickness)
        measures.SpacingBetweenSlices = decimal(acquisition.slice_spacing_mm or thickness)
    # SNOMED CT 706342009, Phantom.
    phantom = _item(CodeValue="706342009", CodingSchemeDesignator="SCT", CodeMeaning="Phantom")
    groups = _item(
        PixelMeasuresSequence=[measures],
        PlaneOrientationSequence=[_item(ImageOrientationPatient=[decimal(v) for v in orientation])],
        FrameAnatomySequence=[_item(FrameLaterality="U", AnatomicRegionSequence=[phantom])],
        MRTimingAndRelatedParametersSequence=[_timing(series)],
        MRFOVGeometrySequence=[_fov(series)],
        MREchoSequence=[_item(EffectiveEchoTime=float(acquisition.te_ms or 0.0))],
        MRModifierSequence=[_modifier()],
        MRImagingModifierSequence=[_imaging_modifier(series)],
        MRAveragesSequence=[_item(NumberOfAverages=decimal(acquisition.averages or 1.0))],
    )
    frame_type = _item()
    _add_frame_type(frame_type, series, "FrameType")
    groups.MRImageFrameTypeSequence = [frame_type]
    _add_coils(groups, style)
    return groups


def _timing(series: Series) -> Dataset:
    acquisition = series.header.acquisition
    train = acquisition.echo_train_length or 1
    spin_echo = acquisition.spin_echo in (None, True)
    modes = [
        _item(OperatingModeType=kind, OperatingMode="IEC_NORMAL") for kind in ("GRADIENT", "RF")
    ]
    return _item(
        RepetitionTime=decimal(acquisition.tr_ms or 0.0),
        FlipAngle=decimal(acquisition.flip_angle_deg or 90.0),
        EchoTrainLength=train,
        RFEchoTrainLength=train if spin_echo else 0,
        GradientEchoTrainLength=0 if spin_echo else train,
        OperatingModeSequence=modes,
        GradientOutputType="DB_DT",
        GradientOutput=0.0,
        SpecificAbsorptionRateSequence=[
            _item(
                SpecificAbsorptionRateDefinition="IEC_WHOLE_BODY", SpecificAbsorptionRateValue=0.0
            )
        ],
    )


def _fov(series: Series) -> Dataset:
    acquisition = series.header.acquisition
    frequency, phase = acquisition.matrix_acquired or series.header.shape[:2]
    direction = {"ROW": "ROW", "COL": "COLUMN"}.get(acquisition.phase_encode_direction or "")
    return _item(
        InPlanePhaseEncodingDirection=direction or "OTHER",
        MRAcquisitionFrequencyEncodingSteps=frequency,
        MRAcquisitionPhaseEncodingStepsInPlane=phase,
        MRAcquisitionPhaseEncodingStepsOutOfPlane=1,
        PercentSampling=decimal(100.0),
        PercentPhaseFieldOfView=decimal(100.0),
    )


def _modifier() -> Dataset:
    return _item(
        InversionRecovery="NO",
        FlowCompensation="NONE",
        Spoiling="NONE",
        T2Preparation="NO",
        SpectrallySelectedExcitation="NONE",
        SpatialPresaturation="NONE",
        PartialFourier="NO",
        ParallelAcquisition="NO",
    )


def _imaging_modifier(series: Series) -> Dataset:
    acquisition = series.header.acquisition
    ds = _item(MagnetizationTransfer="NONE", BloodSignalNulling="NO", Tagging="NONE")
    if acquisition.center_frequency_hz is not None:
        ds.TransmitterFrequency = acquisition.center_frequency_hz / 1e6
    if acquisition.pixel_bandwidth_hz is not None:
        ds.PixelBandwidth = decimal(acquisition.pixel_bandwidth_hz)
    return ds


def _add_coils(groups: Dataset, style: VendorStyle) -> None:
    groups.MRReceiveCoilSequence = [
        _item(
            ReceiveCoilName=style.coil,
            ReceiveCoilManufacturerName="",
            ReceiveCoilType="MULTICOIL",
            QuadratureReceiveCoil="NO",
            MultiCoilDefinitionSequence=[
                _item(MultiCoilElementName="H1", MultiCoilElementUsed="YES")
            ],
        )
    ]
    groups.MRTransmitCoilSequence = [
        _item(TransmitCoilName="Body", TransmitCoilManufacturerName="", TransmitCoilType="BODY")
    ]


def _frame(
    series: Series, style: VendorStyle, k: int, stored: Stored, when: dt.datetime
) -> Dataset:
    """Return the functional groups of one frame."""
    lps, _, _ = geometry(series)
    position = np.round(lps[:3, 3] + k * lps[:3, 2], 9) + 0.0
    content = _item(
        FrameAcquisitionNumber=1,
        FrameReferenceDateTime=_stamp(when),
        FrameAcquisitionDateTime=_stamp(when),
        FrameAcquisitionDuration=1000 * _duration_s(series),
        StackID=_STACK,
        InStackPositionNumber=k + 1,
        TemporalPositionIndex=1,
        DimensionIndexValues=[1, k + 1],
    )
    groups = _item(
        FrameContentSequence=[content],
        PlanePositionSequence=[_item(ImagePositionPatient=[decimal(float(v)) for v in position])],
        PixelValueTransformationSequence=[
            _item(RescaleIntercept=0, RescaleSlope=decimal(stored.slope), RescaleType="US")
        ],
    )
    _add_private(groups, series, style, stored)
    return groups


def _add_private(groups: Dataset, series: Series, style: VendorStyle, stored: Stored) -> None:
    """Add what readers look for in the private groups of a vendor's frames."""
    inner = _item()
    if style.rescales:
        block = inner.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
        block.add_new(0x0E, "FL", stored.scale_slope)
        outer = groups.private_block(0x2005, "Philips MR Imaging DD 005", create=True)
        outer.add_new(0x0F, "SQ", [inner])
    elif style.corrected:
        # The frame type says NONE; normalization and correction stand here alone.
        block = inner.private_block(0x0021, "SIEMENS MR SDI 02", create=True)
        block.add_new(0x75, "CS", list(image_type(series, style)))
        outer = groups.private_block(0x0021, "SIEMENS MR SDI 02", create=True)
        outer.add_new(0xFE, "SQ", [inner])


def _add_pixels(ds: Dataset, slices: list[Stored], style: VendorStyle) -> None:
    pixels = np.stack([stored.pixels for stored in slices])
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.NumberOfFrames, ds.Rows, ds.Columns = pixels.shape
    # Signed pixels have no place in this object: 16 bits stand for GE's 15 and a sign.
    ds.BitsAllocated, ds.BitsStored = 16, style.bits_stored
    ds.HighBit = style.bits_stored - 1
    ds.PixelRepresentation = 0
    ds.PixelData = pixels.astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"
