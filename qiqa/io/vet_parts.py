"""What was seen of a set, as tables beside its manifest: enough to decide anew without images."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.canonical import canonical_json, plain
from qiqa.core.errors import ReadError
from qiqa.core.restoring import restore
from qiqa.core.vet_result import SeriesKey, SeriesSeen
from qiqa.core.vetting import FileNote, Observation
from qiqa.io.manifest import MANIFEST_COLUMNS, arrow, parquet_blocks

__all__ = [
    "FEATURES",
    "MANIFEST",
    "OBSERVATIONS",
    "OTHER_FILES",
    "THUMBNAILS",
    "StoredSeries",
    "read_manifest",
    "read_other_files",
    "read_thumbnails",
    "write_features",
    "write_observations",
    "write_other_files",
    "write_thumbnails",
]

OBSERVATIONS = "observations.parquet"
FEATURES = "features.parquet"
THUMBNAILS = "thumbnails.parquet"
OTHER_FILES = "other_files.parquet"
MANIFEST = "manifest.parquet"
_SERIES = ("series_uid", "path", "patient_hash", "site", "scanner", "modality", "seen")
_TEXTS = ("evidence", "where", "correction")


def write_observations(series: Iterable[SeriesSeen], folder: Path) -> Path:
    """Write every observation: series_uid, path, code, value, evidence, where, correction.

    Raises
    ------
    OutputError
        If it cannot be written, or pyarrow is not installed.
    """
    path = folder / OBSERVATIONS
    pa, _ = arrow(path)
    texts = [(name, pa.string()) for name in ("series_uid", "path", "code")]
    rest = [(name, pa.string()) for name in _TEXTS]
    schema = pa.schema(
        [*texts, ("value", pa.float64()), *rest], metadata={"schema": "qiqa.observations/1"}
    )
    parquet_blocks(_observed(series), schema, path)
    return path


def _observed(series: Iterable[SeriesSeen]) -> Iterator[dict[str, Any]]:
    for one in series:
        for seen in sorted(one.observations, key=lambda o: (o.code, o.where, o.evidence)):
            yield {"series_uid": one.series_uid, "path": one.path, **_fields(seen)}


def _fields(seen: Observation) -> dict[str, Any]:
    return {field.name: getattr(seen, field.name) for field in dataclasses.fields(seen)}


@dataclasses.dataclass(frozen=True, slots=True)
class StoredSeries:
    """The series of an output, read from its tables each time they are gone through."""

    folder: Path

    def __iter__(self) -> Iterator[SeriesSeen]:
        """Yield every series in order, with its observations.

        Raises
        ------
        ReadError
            If a table is missing, damaged, or the two do not belong together.
        """
        observed = _records(self.folder / OBSERVATIONS, ("series_uid", "path", "code", "value"))
        waiting = next(observed, None)
        for row in _records(self.folder / MANIFEST, _SERIES):
            found = []
            while waiting is not None and _same(waiting, row):
                seen = {k: v for k, v in waiting.items() if k not in ("series_uid", "path")}
                found.append(Observation(**seen))
                waiting = next(observed, None)
            given = {name: row[name] for name in _SERIES}
            yield SeriesSeen(**given, observations=tuple(found))
        if waiting is not None:
            raise ReadError(
                f"observations of series {waiting['series_uid']}, which the manifest lacks",
                where=str(self.folder / OBSERVATIONS),
                hint="the files belong to different runs: vet the images again",
            )


def read_manifest(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of the manifest of an output, in order.

    Raises
    ------
    ReadError
        If it is missing or damaged.
    """
    yield from _records(folder / MANIFEST, tuple(MANIFEST_COLUMNS))


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(one["series_uid"] == other["series_uid"] and one["path"] == other["path"])


def _records(path: Path, needed: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, block by block.

    Raises
    ------
    ReadError
        If it is missing, is no Parquet, or lacks a column.
    """
    pa, parquet = arrow(path)
    try:
        with parquet.ParquetFile(path) as file:
            lacking = [name for name in needed if name not in file.schema_arrow.names]
            if lacking:
                raise ReadError(
                    f"has no column {', '.join(lacking)}",
                    where=str(path),
                    hint="give the folder that qiqa vet wrote; where an earlier version wrote it, "
                    "vet the images into it again: decisions of persons stay",
                )
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise ReadError(
            f"cannot be read: {str(error).splitlines()[0]}",
            where=str(path),
            hint="give the folder that qiqa vet wrote",
        ) from error


def write_features(
    keys: Iterable[SeriesKey], names: Sequence[str], values: NDArray[np.float32], folder: Path
) -> Path:
    """Write measured image quality, one row a series.

    Parameters
    ----------
    keys
        Of the n series, sorted.
    names
        Of the p features.
    values
        (n, p); NaN where it could not be measured.

    Raises
    ------
    OutputError
        If it cannot be written, or pyarrow is not installed.
    """
    path = folder / FEATURES
    pa, _ = arrow(path)
    columns = [("series_uid", pa.string()), ("path", pa.string())]
    columns += [(name, pa.float32()) for name in names]
    schema = pa.schema(columns, metadata={"schema": "qiqa.vet_features/1"})
    rows = (
        {"series_uid": uid, "path": place, **dict(zip(names, map(float, row), strict=True))}
        for (uid, place), row in zip(keys, values, strict=True)
    )
    parquet_blocks(rows, schema, path)
    return path


def write_thumbnails(thumbnails: Mapping[SeriesKey, bytes], folder: Path) -> Path:
    """Write the small pictures that the data card may show.

    Raises
    ------
    OutputError
        If it cannot be written, or pyarrow is not installed.
    """
    path = folder / THUMBNAILS
    pa, _ = arrow(path)
    columns = [("series_uid", pa.string()), ("path", pa.string()), ("pixels", pa.binary())]
    schema = pa.schema(columns, metadata={"schema": "qiqa.vet_thumbnails/1"})
    rows = (
        {"series_uid": uid, "path": place, "pixels": thumbnails[uid, place]}
        for uid, place in sorted(thumbnails)
    )
    parquet_blocks(rows, schema, path)
    return path


def read_thumbnails(folder: Path, wanted: Iterable[SeriesKey]) -> dict[SeriesKey, bytes]:
    """Return those of the wanted pictures that are there.

    Raises
    ------
    ReadError
        If the table is damaged; none at all is none.
    """
    path, keys = folder / THUMBNAILS, set(wanted)
    if not path.is_file():
        return {}
    found = {}
    for row in _records(path, ("series_uid", "path", "pixels")):
        key = row["series_uid"], row["path"]
        if key in keys:
            found[key] = bytes(row["pixels"])
    return found


def write_other_files(notes: Iterable[FileNote], folder: Path) -> Path:
    """Write the files that are part of no series: path, kind, size, observations as JSON.

    Raises
    ------
    OutputError
        If it cannot be written, or pyarrow is not installed.
    """
    path = folder / OTHER_FILES
    pa, _ = arrow(path)
    columns = [("path", pa.string()), ("kind", pa.string()), ("size", pa.int64())]
    columns.append(("observations", pa.string()))
    schema = pa.schema(columns, metadata={"schema": "qiqa.other_files/1"})
    rows = (
        {
            "path": note.path,
            "kind": note.kind,
            "size": note.size,
            "observations": canonical_json([plain(one) for one in note.observations]),
        }
        for note in sorted(notes, key=lambda note: note.path)
    )
    parquet_blocks(rows, schema, path)
    return path


def read_other_files(folder: Path) -> tuple[FileNote, ...]:
    """Return the files that are part of no series.

    Raises
    ------
    ReadError
        If the table is missing or damaged.
    """
    path = folder / OTHER_FILES
    made = []
    for row in _records(path, ("path", "kind", "size", "observations")):
        try:
            seen = tuple(restore(Observation, one) for one in json.loads(row["observations"]))
        except ValueError as error:
            raise ReadError(f"observations of a file: {error}", where=str(path)) from error
        note = FileNote(path=row["path"], kind=row["kind"], size=row["size"], observations=seen)
        made.append(note)
    return tuple(made)
