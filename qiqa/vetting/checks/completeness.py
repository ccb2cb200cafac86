"""Whether the headers say what the purpose needs."""

from __future__ import annotations

from collections.abc import Iterable

from qiqa.core.finding import Severity
from qiqa.core.vetting import Check, Needs, Observation, Reason, SeriesFacts, Setting, Settings

__all__ = ["CHECK", "look"]

CHECK = Check(
    name="completeness",
    needs=Needs.HEADER,
    title="Headers say what the purpose needs",
    reasons=(
        Reason(
            code="missing_attribute",
            severity=Severity.WARNING,
            title="attributes missing",
            meaning="Attributes that the purpose needs are not stated: what the series is cannot "
            "be checked, and a model cannot be told. The value is their number.",
        ),
        Reason(
            code="no_acquisition",
            severity=Severity.INFO,
            title="format states no acquisition",
            meaning="A NIfTI file without a sidecar: neither modality nor scanner nor settings can "
            "be stated in it. Protocol, scanner and their days are not judged.",
        ),
        Reason(
            code="missing_scanner",
            severity=Severity.WARNING,
            title="scanner unknown",
            meaning="Neither serial number nor pseudonym of the scanner: its phantom cannot be "
            "looked up, and site and scanner cannot be told apart.",
        ),
        Reason(
            code="missing_patient",
            severity=Severity.WARNING,
            title="patient unknown",
            meaning="No ID of the patient: whether a person is in several splits cannot be seen.",
        ),
        Reason(
            code="missing_date",
            severity=Severity.WARNING,
            title="date unknown",
            meaning="No date of acquisition, not even a shifted one: whether the scanner was in "
            "control on the day cannot be said.",
        ),
    ),
    settings=(
        Setting(
            name="required",
            default=("Modality", "Manufacturer", "Rows", "Columns"),
            meaning="DICOM keywords that every series must state",
        ),
        Setting(
            name="required_mr",
            default=(
                "MagneticFieldStrength",
                "SoftwareVersions",
                "RepetitionTime",
                "EchoTime",
                "SliceThickness",
            ),
            meaning="DICOM keywords that an MR series must state as well",
        ),
        Setting(
            name="required_ct",
            default=("KVP", "SliceThickness", "ConvolutionKernel", "RescaleSlope"),
            meaning="DICOM keywords that a CT series must state as well",
        ),
    ),
)

_OF_THE_FILE = frozenset(("Modality", "Rows", "Columns", "SliceThickness"))
"""What any file of images states, by its grid or its name."""
_DATES = ("AcquisitionDate", "SeriesDate", "StudyDate", "ContentDate")


def look(facts: SeriesFacts, settings: Settings) -> Iterable[Observation]:
    """Return what is missing in the headers of a series."""
    wanted = list(_words(settings["required"]))
    more = f"required_{facts.text('Modality').lower()}"
    # a map that was computed need not say how its sources were acquired
    derived = "DERIVED" in facts.text("ImageType").split("\\")
    if more in settings and not derived:
        wanted += _words(settings[more])
    missing = [keyword for keyword in wanted if not facts.attributes.get(keyword)]
    if facts.series_uid.startswith("nifti:") and not set(wanted) - _OF_THE_FILE - set(missing):
        yield Observation(code="no_acquisition", evidence="a NIfTI file without a sidecar")
    elif missing:
        yield Observation(
            code="missing_attribute",
            value=float(len(missing)),
            evidence=f"not stated: {', '.join(missing)}",
        )
    if not facts.scanner:
        yield Observation(code="missing_scanner", evidence="no serial number and no pseudonym")
    if not facts.patient_hash:
        yield Observation(code="missing_patient", evidence="no ID of the patient")
    if not any(facts.text(keyword) for keyword in _DATES):
        yield Observation(code="missing_date", evidence="no date of acquisition, series or study")


def _words(setting: float | str | tuple[str, ...]) -> tuple[str, ...]:
    return setting if isinstance(setting, tuple) else (str(setting),)
