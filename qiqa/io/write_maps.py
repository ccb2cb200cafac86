"""Parameter maps as a BIDS derivative data set."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import OutputError
from qiqa.core.maps import ParameterMaps
from qiqa.io.map_names import MapFile, checked_entities, entities_of, layout, leftovers
from qiqa.io.map_sidecars import factor, json_bytes, levels_table, pairs, sidecar
from qiqa.io.packing import gzipped
from qiqa.io.whole import write_set

__all__ = ["write_maps"]

_BIDS_VERSION = "1.11.1"
_DESCRIPTION = "dataset_description.json"
_README = """Parameter maps estimated by qiqa, laid out as a BIDS derivative data set.

One file a parameter, in the units of BIDS (T1, T2, T2* in seconds, ADC in mm^2/s, B1 in percent of
the nominal flip angle). `desc-standarderror` is the standard error of the map of that suffix.
What belongs to a fit beside its first map names the fit in `desc`: residual SD in signal units,
the number of images used, and the status of every voxel, whose codes stand in its JSON and TSV.
A voxel without an answer is NaN.
"""


def write_maps(
    maps: ParameterMaps,
    folder: Path | str,
    *,
    entities: Mapping[str, str] | None = None,
    provenance: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> tuple[Path, ...]:
    """Write parameter maps with standard errors, residual, points and status; return the files.

    All of them are there at the end, whole, or none.

    Parameters
    ----------
    folder
        The data set; made if it is not there. One made by qiqa takes further maps.
    entities
        `sub` and, if wanted, `ses`, `acq`, `rec`, `run`; those of the images' BIDS name by
        default, or subject 01.
    provenance
        What goes into the JSON of the first map. `sources` (SourceFile records), `references`
        (text or list) and `equation` have places of their own; anything else that JSON can hold
        is kept as it is.
    overwrite
        Replace maps of the same name; what else an earlier fit left under these names goes.

    Raises
    ------
    UsageError
        If an entity is not allowed.
    OutputError
        If the folder is someone else's data set, a map is there already, or writing fails.
    """
    target = Path(folder)
    named = checked_entities(entities_of(maps.header) if entities is None else entities)
    files = layout(maps, named)
    given = {} if provenance is None else provenance
    contents = _about_data_set(target)
    for file in files:
        image, beside = target / f"{file.path}.nii.gz", target / f"{file.path}.json"
        contents[image] = functools.partial(_image, maps, file)
        about = json_bytes(sidecar(maps, file, files[0].path, given))
        contents[beside] = functools.partial(bytes, about)
        if file.kind == "status":
            contents[target / f"{file.path}.tsv"] = levels_table
    stale: set[Path] = set()
    for pattern in leftovers(maps, files, named) if overwrite else ():
        stale.update(target.glob(pattern))
    write_set(contents, overwrite=overwrite, stale=sorted(stale - contents.keys()))
    return tuple(contents)


def _about_data_set(target: Path) -> dict[Path, Callable[[], bytes]]:
    """Return what BIDS wants at the top of a data set; nothing where qiqa has put it before.

    Raises
    ------
    OutputError
        If the folder is a data set that qiqa has not made.
    """
    import qiqa

    path = target / _DESCRIPTION
    if path.exists():
        if not _ours(path):
            raise OutputError(
                "this data set was not made by qiqa, and its description says nothing of it",
                where=str(path),
                hint="give a folder of its own, for instance derivatives/qiqa",
            )
        return {}
    about = {
        "Name": "Parameter maps by qiqa",
        "BIDSVersion": _BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "qiqa", "Version": qiqa.__version__}],
    }
    top: dict[Path, Callable[[], bytes]] = {path: functools.partial(json_bytes, about)}
    if not any(target.glob("README*")):
        top[target / "README.md"] = _README.encode
    if not (target / ".bidsignore").exists():
        # the page that a mapping leaves beside its maps is no file of BIDS
        top[target / ".bidsignore"] = b"*.html\n".__bytes__
    return top


def _ours(path: Path) -> bool:
    try:
        makers = json.loads(path.read_text(encoding="utf-8"))["GeneratedBy"]
        return any(maker["Name"] == "qiqa" for maker in makers)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _image(maps: ParameterMaps, file: MapFile) -> bytes:
    """Return one map as the bytes of a `.nii.gz`."""
    if file.kind == "status":
        return _packed(maps.status, maps.affine)
    if file.kind == "points":
        small = maps.n_used.max(initial=0) < 256
        return _packed(maps.n_used.astype(np.uint8) if small else maps.n_used, maps.affine)
    return _packed(_values(maps, file), maps.affine)


def _values(maps: ParameterMaps, file: MapFile) -> NDArray[np.float32]:
    """Return the values of a map in the unit of its file."""
    if file.kind == "residual" and maps.residual_sd is not None:
        return maps.residual_sd
    if file.kind == "covariance" and maps.covariance is not None:
        scales = [factor(parameter)[0] for parameter in maps.parameters]
        volumes = [
            maps.covariance[a, b] * np.float32(scales[a] * scales[b]) for a, b in pairs(maps)
        ]
        return np.stack(volumes, axis=-1)
    parameter = file.parameter
    assert parameter is not None  # noqa: S101 - the other kinds are done with
    name, scale = parameter.name, np.float32(factor(parameter)[0])
    values = maps.estimate(name) if file.kind == "estimate" else maps.standard_error(name)
    return values if scale == 1 else values * scale


def _packed(values: NDArray[Any], affine: NDArray[np.float64]) -> bytes:
    from nibabel.nifti1 import Nifti1Header

    untyped: Any = Nifti1Header
    header = untyped()
    header.set_data_dtype(values.dtype)
    header.set_data_shape(values.shape)
    header.set_xyzt_units("mm", "sec")
    # code 1, coordinates of the scanner; a quaternion cannot hold shear, so it may stay unset
    header.set_sform(affine, code=1)
    header.set_qform(affine, code=1, strip_shears=True)
    if np.abs(header.get_qform() - affine).max() > 1e-3:
        header.set_qform(None, code=0)
    header["vox_offset"], header["magic"] = 352, b"n+1"
    header.set_slope_inter(1.0, 0.0)
    head = io.BytesIO()
    header.write_to(head)
    return gzipped(head.getvalue().ljust(352, b"\0"), np.asfortranarray(values))
