"""What a file is if it is no image to be measured."""

from __future__ import annotations

__all__ = ["DICOMDIR", "IMAGES", "NO_SECTIONS", "other_file", "other_kind"]

DICOMDIR = "1.2.840.10008.1.3.10"
_STORAGE = "1.2.840.10008.5.1.4.1.1"
_PROJECTION, _ULTRASOUND, _PHOTOGRAPH = "projection image", "ultrasound", "photograph"
NO_SECTIONS = (_PROJECTION, _ULTRASOUND, _PHOTOGRAPH)
"""Kinds of images that have no place in space by nature."""
_KINDS = {
    DICOMDIR: "DICOMDIR",
    f"{_STORAGE}.66": "raw data",
    f"{_STORAGE}.66.4": "segmentation",
    f"{_STORAGE}.66.5": "segmentation",
    f"{_STORAGE}.66.7": "segmentation",
    f"{_STORAGE}.66.6": "fiber tracts",
    f"{_STORAGE}.67": "real-world value map",
    f"{_STORAGE}.4.2": "MR spectroscopy",
    f"{_STORAGE}.1": _PROJECTION,
    f"{_STORAGE}.3": _ULTRASOUND,
    f"{_STORAGE}.6": _ULTRASOUND,
    f"{_STORAGE}.7": "secondary capture",
    f"{_STORAGE}.88.59": "key object selection",
    f"{_STORAGE}.481.2": "RT dose",
    f"{_STORAGE}.481.3": "RT structure set",
    f"{_STORAGE}.481.5": "RT plan",
    f"{_STORAGE}.481.8": "RT plan",
    "1.3.12.2.1107.5.9.1": "private data of Siemens",
}
_KIND_STEMS = {
    f"{_STORAGE}.1.": _PROJECTION,
    f"{_STORAGE}.12.": _PROJECTION,
    f"{_STORAGE}.3.": _ULTRASOUND,
    f"{_STORAGE}.6.": _ULTRASOUND,
    f"{_STORAGE}.77.": _PHOTOGRAPH,
    f"{_STORAGE}.7.": "secondary capture",
    f"{_STORAGE}.11.": "presentation state",
    f"{_STORAGE}.66.": "registration",
    f"{_STORAGE}.88.": "structured report",
    f"{_STORAGE}.104.": "encapsulated document",
    f"{_STORAGE}.481.": "radiotherapy object",
    f"{_STORAGE}.9.": "waveform",
}
"""Of the storage classes of PS3.4, B.5 and PS3.6, A. The first stem that fits."""
_PRIVATE = {
    "1.3.12.2.1107.": "private data of Siemens",
    "1.2.840.113619.": "private data of GE",
    "1.3.46.670589.": "private data of Philips",
}
"""Classes below a vendor's own root; without pixels they are no images."""
IMAGES = (
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.4.1",
    "1.2.840.10008.5.1.4.1.1.4.4",
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.2.2",
)
"""Image classes that must have pixels: MR and CT, classic, enhanced, converted."""

_NAMES = {
    ".ds_store": "file of the operating system",
    "dataset.json": "description of a training set",
    "thumbs.db": "file of the operating system",
    "desktop.ini": "file of the operating system",
}
_SUFFIXES = {
    ".json": "sidecar",
    ".bval": "sidecar",
    ".bvec": "sidecar",
    ".par": "Philips PAR/REC, not read",
    ".rec": "Philips PAR/REC, not read",
    ".examcard": "protocol of Philips",
    ".hdr": "pair of .hdr and .img, not read",
    ".img": "pair of .hdr and .img, not read",
    ".nrrd": "NRRD, not read",
    ".nhdr": "NRRD, not read",
    ".mha": "MetaImage, not read",
    ".mhd": "MetaImage, not read",
    ".mgz": "MGH, not read",
    ".mgh": "MGH, not read",
    ".mnc": "MINC, not read",
    ".png": "PNG picture, not read",
    ".jpg": "JPEG picture, not read",
    ".jpeg": "JPEG picture, not read",
    ".tif": "TIFF picture, not read",
    ".tiff": "TIFF picture, not read",
    ".h5": "HDF5, not read",
    ".hdf5": "HDF5, not read",
    ".npy": "NumPy array, not read",
    ".npz": "NumPy array, not read",
    ".zip": "archive, not read",
    ".7z": "archive, not read",
    ".rar": "archive, not read",
    ".tar": "archive, not read",
    ".tgz": "archive, not read",
    ".bz2": "archive, not read",
    ".xz": "archive, not read",
    ".zst": "archive, not read",
}


def other_kind(sop_class: str, *, pixels: bool, geometry: bool, samples: int) -> str | None:
    """Return what a DICOM object is in words, or None for an image to be measured.

    Parameters
    ----------
    sop_class
        SOP Class UID; empty where it is not stated.
    pixels, geometry
        Whether it has pixels, and a position in space.
    samples
        Samples per pixel.
    """
    kind = _KINDS.get(sop_class) or _beginning(_KIND_STEMS, sop_class)
    if kind is not None:
        return kind
    if sop_class not in IMAGES:
        if not pixels:
            return _beginning(_PRIVATE, sop_class) or "DICOM object without pixels"
        if not geometry:
            return "image without position"
    return "color image" if samples != 1 else None


def _beginning(stems: dict[str, str], text: str) -> str | None:
    return next((kind for stem, kind in stems.items() if text.startswith(stem)), None)


def other_file(name: str) -> str:
    """Return what a file that is neither DICOM nor NIfTI is, as far as its name says.

    >>> other_file("sub-01/anat/sub-01_T1w.json"), other_file("a/scan.PAR"), other_file("notes")
    ('sidecar', 'Philips PAR/REC, not read', 'not DICOM')
    """
    short = name.rpartition("/")[2].casefold()
    if short.startswith("._"):
        return "file of the operating system"
    if short.endswith(".tar.gz"):
        return _SUFFIXES[".tar"]
    dot = short.rfind(".")
    return _NAMES.get(short) or _SUFFIXES.get(short[dot:] if dot > 0 else "") or "not DICOM"
