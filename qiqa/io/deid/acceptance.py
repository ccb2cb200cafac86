"""Which files are taken at all: MR images without writing in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qiqa.core.errors import ReadError

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["REASONS", "Refusal", "check_object"]

_TAKEN = {
    "1.2.840.10008.5.1.4.1.1.4": "MR Image Storage",
    "1.2.840.10008.5.1.4.1.1.4.1": "Enhanced MR Image Storage",
    "1.2.840.10008.5.1.4.1.1.4.4": "Legacy Converted Enhanced MR Image Storage",
}
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_DOCUMENTS = ("1.2.840.10008.5.1.4.1.1.104.", "1.2.840.10008.5.1.4.1.1.88.")
_SCREENS = frozenset(
    ("SCREEN SAVE", "SCREENSAVE", "SCREENSHOT", "PASTED", "CSA REPORT", "POSDISP", "REPORT")
)
"""Values of Image Type of pictures with text in them that come as MR images."""

REASONS = {
    "unreadable": "cannot be read as DICOM",
    "secondary_capture": "a secondary capture: its picture may hold names",
    "document": "an encapsulated document or structured report: its text cannot be cleaned here",
    "object_not_taken": "not an MR image object",
    "burned_in": "its header says that text is burned into the picture",
    "screen": "its Image Type says that it is a picture of a screen or report",
    "color": "a color image: these are drawn, often with text",
    "no_pixels": "it has no pixels",
    "pixels_damaged": "it has fewer pixels than its header says",
    "overlay_in_pixels": "compressed pixels with an overlay in unused bits",
    "no_identity": "it states neither patient ID, name nor study: nothing to make a pseudonym of",
    "person": "its header says that the subject is no phantom",
    "uid_conflict": "another file with the same SOP Instance UID but other content was written",
}
"""Why a file is refused: code for the log -> words. Neither holds anything from a file."""


class Refusal(ReadError):  # noqa: N818 - an answer about one file, not a fault of the program
    """A file is not de-identified; `code` is one of `REASONS`."""

    def __init__(self, code: str, where: str, hint: str | None = None) -> None:
        self.code = code
        super().__init__(REASONS[code], where=where, hint=hint)


def check_object(ds: Dataset, where: str) -> None:
    """Check that a data set is an MR image without writing in it.

    Raises
    ------
    Refusal
        If it is not, or if its header does not allow to say so.
    """
    kind = str(ds.get("SOPClassUID", ""))
    if kind.startswith(_SECONDARY_CAPTURE) and kind[len(_SECONDARY_CAPTURE) :][:1] in ("", "."):
        raise Refusal("secondary_capture", where)
    if kind.startswith(_DOCUMENTS) or "EncapsulatedDocument" in ds:
        raise Refusal("document", where)
    if kind not in _TAKEN:
        raise Refusal("object_not_taken", where, hint="only MR and enhanced MR images are taken")
    if str(ds.get("BurnedInAnnotation", "")).strip().upper() not in ("", "NO"):
        raise Refusal("burned_in", where, hint="remove the text from the picture first")
    if ds.get("ConversionType"):
        raise Refusal("secondary_capture", where)
    types = ds.get("ImageType") or ()
    values = {str(v).strip().upper() for v in ([types] if isinstance(types, str) else types)}
    if values & _SCREENS:
        raise Refusal("screen", where)
    if ds.get("SamplesPerPixel", 1) != 1 or str(
        ds.get("PhotometricInterpretation", "MONOCHROME2")
    ) not in ("MONOCHROME1", "MONOCHROME2"):
        raise Refusal("color", where)
    if not any(name in ds for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        raise Refusal("no_pixels", where)
