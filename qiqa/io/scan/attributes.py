"""What of the headers is kept for vetting: the allow-list, and values made comparable.

Nothing that is not listed leaves the scan. None of it names a person by what it is; `FREE_TEXT`
may by what somebody typed into it, and outputs decide whether to show it.
"""

from __future__ import annotations

import re

from qiqa.io.deid.values import age
from qiqa.io.tags import TAGS

__all__ = [
    "ATTRIBUTES",
    "DATES",
    "FREE_TEXT",
    "MOST_VALUES",
    "NUMBERS",
    "SEQUENCES",
    "age_years",
    "date_of",
    "kept",
    "order",
]

Value = str | float

MOST_VALUES = 32
"""Different values of one attribute that are kept of a series: the first ones in order."""

FREE_TEXT = frozenset(
    (
        *("SeriesDescription", "StudyDescription", "ProtocolName", "DerivationDescription"),
        *("ContrastBolusAgent", "DeidentificationMethod"),
    )
)
"""Typed by people: may hold anything."""
DATES = frozenset(("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"))
"""As YYYYMMDD."""
SEQUENCES = frozenset(
    ("RealWorldValueMappingSequence", "SourceImageSequence", "ReferencedImageSequence")
)
"""Kept is 1 where there is one; of the real-world mapping also slope, intercept and unit."""

ATTRIBUTES = frozenset(
    (
        *FREE_TEXT, *DATES, *SEQUENCES,
        "TransferSyntaxUID", "SOPClassUID", "ImageType", "Modality", "ConversionType",
        "PresentationIntentType", "Manufacturer", "ManufacturerModelName", "FrameType",
        "ComplexImageComponent", "AcquisitionContrast", "PatientSex", "PatientAge",
        "QualityControlSubject", "ClinicalTrialSiteID", "PatientIdentityRemoved",
        "BodyPartExamined", "ScanningSequence", "SequenceVariant", "ScanOptions",
        "MRAcquisitionType", "SequenceName", "PulseSequenceName", "EchoPulseSequence",
        "SliceThickness", "KVP", "RepetitionTime", "EchoTime", "EffectiveEchoTime",
        "InversionTime", "InversionTimes", "NumberOfAverages", "ImagingFrequency",
        "ImagedNucleus", "EchoNumbers", "MagneticFieldStrength", "SpacingBetweenSlices",
        "EchoTrainLength", "PercentSampling", "PercentPhaseFieldOfView", "PixelBandwidth",
        "SoftwareVersions", "ReconstructionDiameter", "ConvolutionKernel", "ReceiveCoilName",
        "ReceiveCoilType", "TransmitCoilName", "AcquisitionMatrix",
        "InPlanePhaseEncodingDirection", "FlipAngle", "VariableFlipAngleFlag", "PatientPosition",
        "ParallelAcquisitionTechnique", "ParallelReductionFactorInPlane",
        "MRAcquisitionFrequencyEncodingSteps", "MRAcquisitionPhaseEncodingStepsInPlane",
        "DiffusionBValue", "DiffusionDirectionality", "SeriesNumber", "AcquisitionNumber",
        "ImagesInAcquisition",
        "StudyInstanceUID", "FrameOfReferenceUID", "Laterality", "NumberOfTemporalPositions",
        "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration", "NumberOfFrames",
        "Rows", "Columns", "PixelSpacing", "BitsAllocated", "BitsStored", "HighBit",
        "PixelRepresentation", "PixelPaddingValue", "BurnedInAnnotation",
        "RecognizableVisualFeatures", "LongitudinalTemporalInformationModified",
        "WindowCenter", "WindowWidth", "RescaleIntercept", "RescaleSlope", "RescaleType",
        "LossyImageCompression", "LossyImageCompressionRatio", "Units", "DecayCorrection",
        "RealWorldValueSlope", "RealWorldValueIntercept", "MeasurementUnitsCodeSequence",
    )
)  # fmt: skip
"""Keywords of the attributes kept. `PatientAge` is a number of years, 90 for all above 89. One
with several values in one file (`ImageType`) is one text, the values joined by a backslash."""

NUMBERS = frozenset(
    keyword
    for keyword in ATTRIBUTES - SEQUENCES - DATES
    if TAGS[keyword][1] in ("DS", "IS", "US", "FD", "UL", "SL", "SS", "FL")
)
"""Those that are numbers."""

_DAY = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})")
_OLDEST = 90.0


def date_of(text: str) -> str:
    """Return the day of a DICOM date, or date and time, as YYYYMMDD; empty where it is none."""
    found = _DAY.match(text.strip())
    return "".join(found.groups()) if found else ""


def age_years(stated: str, born: str, examined: str) -> float | None:
    """Return the age at the exam [years], stated or from two dates; above 89 it is 90."""
    text = age(stated, born, examined)
    if not text:
        return None
    number = float(text[:3])
    return min(number if text[3] == "Y" else number / 12.0, _OLDEST)


def order(value: Value) -> tuple[bool, float, str]:
    """Return what values of one attribute are sorted by: numbers before words."""
    text = isinstance(value, str)
    return (text, 0.0 if isinstance(value, str) else value, str(value) if text else "")


def kept(values: set[Value]) -> tuple[Value, ...]:
    """Return the values of an attribute as facts hold them: sorted, at most `MOST_VALUES`."""
    return tuple(sorted(values, key=order)[:MOST_VALUES])
