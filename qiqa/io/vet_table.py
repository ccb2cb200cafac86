"""A set as a table with one row a series, and columns of a table joined to the series of a scan."""

from __future__ import annotations

import collections
import dataclasses
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import ReadError, UsageError
from qiqa.core.finding import Finding, Severity
from qiqa.core.vet_table import VetTable
from qiqa.core.words import Texts, Words
from qiqa.io._table_cells import moment_of, numbers_of, text_of, texts_of
from qiqa.io._table_file import Cells, cells_of_file

__all__ = ["KEYS", "WORDS", "SetRoles", "join_metadata", "read_set"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

WORDS = (
    "patient", "study", "site", "scanner", "manufacturer", "model", "software", "modality",
    "protocol", "label", "split", "sex",
)  # fmt: skip
"""Columns that are words even where all of their cells are numbers."""
KEYS = ("series_uid", "path", "patient_hash", "patient_id")
"""Columns that tell which series a row is of; the first that a table has is taken."""
_SHOWN = 5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SetRoles:
    """What the columns of a table are, where they are not named as in `VetTable`."""

    row: str = ""
    """Name of each series; empty: its line."""
    columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Name in `VetTable` (`site`, `label`, `age`, ...) -> name in the file."""
    features: tuple[str, ...] = ()
    """Empty: all columns of numbers that are nothing else, and not in `others`."""
    others: tuple[str, ...] = ()
    """Columns of numbers that are no image quality: age, dose, ..."""


def read_set(path: Path, roles: SetRoles) -> tuple[VetTable, tuple[Finding, ...]]:
    """Read a set of which there is only a table, one row a series.

    Parameters
    ----------
    path
        `.csv`, `.tsv` or `.parquet`.
    roles
        Which column is what.

    Returns
    -------
    VetTable, findings
        Rows in the order of their names. Patients are numbered: their IDs go no farther.

    Raises
    ------
    ReadError
        If the file cannot be read, or two rows have one name.
    UsageError
        If a column that is named is missing, or a feature is no column of numbers.
    """
    cells = cells_of_file(path)
    named = (roles.row, *roles.columns.values(), *roles.features, *roles.others)
    _must_be_there(cells, named, path)
    findings = _too_long(cells, path)
    table = {name: cells.columns[own] for name, own in roles.columns.items()}
    taken = {roles.row, *roles.columns.values()}
    # a column that roles call by another name is not that name any more
    free = [name for name in cells.columns if name and name not in taken and name not in table]
    for name in free:
        if name in roles.others or (name in (*WORDS, "age", "date") and name not in roles.features):
            table[name] = cells.columns[name]
    if "patient" in table:
        table["patient"] = _numbered(table["patient"])
    texts, numbers, date = _typed(table, cells.comma, path, findings)
    names, values = list[str](), list[FloatArray]()
    for name in roles.features or [name for name in free if name not in table]:
        column, wrong, _ = numbers_of(cells.columns[name], comma=cells.comma)
        if name in roles.features and wrong:
            raise UsageError(
                f"{name!r} is no column of numbers: {wrong[0][1]!r} in row {wrong[0][0] + 1}",
                where=str(path),
                hint="leave the cell empty where nothing is known",
            )
        if wrong and len(wrong) >= np.isfinite(column).sum():
            texts[name] = Words.of(texts_of(cells.columns[name]))
        elif np.isfinite(column).any():
            names.append(name)
            values.append(column)
            findings += _slips(name, wrong, path)
    lines = cells.lines or range(1, cells.rows + 1)
    row = (list(texts_of(cells.columns[roles.row])) if roles.row
           else [f"row {i:09d}" for i in lines])  # fmt: skip
    _each_once(row, path)
    n = cells.rows
    block = np.column_stack(values).astype(np.float32) if values else np.zeros((n, 0), np.float32)
    order = np.array(sorted(range(n), key=row.__getitem__), dtype=np.intp)
    uids = Texts(row[i] for i in order)
    made = VetTable(
        path=uids,
        series_uid=uids,
        texts={name: column.take(order) for name, column in texts.items()},
        numbers={name: column[order] for name, column in numbers.items()},
        date=(np.full(n, "NaT", dtype="datetime64[D]") if date is None else date)[order],
        features=tuple(names),
        values=block[order],
    )
    return made, tuple(findings)


def join_metadata(
    observed: VetTable,
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    key: str = "",
    hash_patient: Callable[[str], str] | None = None,
) -> tuple[VetTable, tuple[Finding, ...]]:
    """Join the columns of a table to the series that its rows are of.

    What the table states counts, where headers say something else, and that is found. Rows of one
    key that say different things are left out.

    Parameters
    ----------
    observed
        The series.
    path
        `.csv`, `.tsv` or `.parquet` with a column of `KEYS`, and any others.
    columns
        Name in `VetTable` -> name in the file, where they differ.
    key
        Of `KEYS`; empty: the first that there is.
    hash_patient
        Patient ID -> hash as the scan made it; needed for columns `patient_id` and `patient`.

    Raises
    ------
    ReadError
        If the file cannot be read.
    UsageError
        If there is no key, or a column that is named is missing.
    """
    cells = cells_of_file(path)
    mapped = dict(columns or {})
    _must_be_there(cells, tuple(mapped.values()), path)
    used = set(mapped.values())
    table = {name: cells.columns[own] for name, own in mapped.items()}
    table |= {n: c for n, c in cells.columns.items() if n and n not in used and n not in table}
    findings = _too_long(cells, path)
    kind, keys = _keys(table, key, hash_patient, path)
    keys_of: dict[str, Iterable[str]] = {"series_uid": observed.series_uid, "path": observed.path}
    own = list(keys_of.get(kind) or observed.text("patient"))
    _patients(table, kind, hash_patient, path, findings)
    place = _matched(own, _first_rows(keys, table, path, findings), keys, path, findings)
    texts, numbers, date = _typed(
        {name: cell for name, cell in table.items() if name not in KEYS},
        cells.comma,
        path,
        findings,
    )
    rows, lines = np.flatnonzero(place >= 0), place[place >= 0]
    all_texts, all_numbers = dict(observed.texts), dict(observed.numbers)
    for name, words in texts.items():
        before = observed.text(name)
        codes = np.full(len(observed), -1, dtype=np.intp)
        codes[rows] = words.codes[lines]
        stated = Words(words.names, codes)
        findings += _contradicted(name, before, stated, path)
        all_texts[name] = stated.over(before)
    for name, numeric in numbers.items():
        given = observed.number(name).copy()
        known = np.isfinite(numeric[lines])
        given[rows[known]] = numeric[lines][known]
        all_numbers[name] = given
    days = observed.date.copy()
    if date is not None:
        known = ~np.isnat(date[lines])
        days[rows[known]] = date[lines][known]
    made = dataclasses.replace(observed, texts=all_texts, numbers=all_numbers, date=days)
    return made, tuple(findings)


def _numbered(cells: Sequence[object]) -> list[str]:
    """Return a number for each patient, in the order of their IDs."""
    words = texts_of(cells)
    place = {word: i for i, word in enumerate(sorted(set(words) - {""}), start=1)}
    return [f"person {place[word]}" if word else "" for word in words]


def _patients(
    table: dict[str, Sequence[object]], kind: str, hash_patient: Callable[[str], str] | None,
    path: Path, findings: list[Finding],
) -> None:  # fmt: skip
    """Put the hashes of patients, where they are not the key, under `patient`; never their IDs."""
    given = table.pop("patient", None)
    if "patient_hash" in table and kind != "patient_hash":
        table["patient"] = table["patient_hash"]
        return
    given = table.get("patient_id", given) if kind != "patient_id" else None
    if given is not None and hash_patient is not None:
        table["patient"] = [hash_patient(word) if word else "" for word in texts_of(given)]
    elif given is not None:
        findings.append(_found(
            path, "patients_not_used", Severity.WARNING,
            "patient IDs cannot be used without the key that the scan hashed them with",
            "give the key, or a column patient_hash",
        ))  # fmt: skip


def _must_be_there(cells: Cells, named: Sequence[str], path: Path) -> None:
    for name in filter(None, named):
        if name not in cells.columns:
            shown = ", ".join(list(cells.columns)[:20])
            near = difflib.get_close_matches(name, list(cells.columns), n=1)
            hint = (
                f"did you mean {near[0]!r}?" if near else "name one of them: --column NAME=COLUMN"
            )
            message = f"there is no column {name!r}; there are {shown}"
            raise UsageError(message, where=str(path), hint=hint)


def _each_once(row: Sequence[str], path: Path) -> None:
    counts = collections.Counter(row)
    most = max(counts.values(), default=0)
    if "" in counts or most > 1:
        worst = "" if "" in counts else min(name for name, n in counts.items() if n == most)
        raise ReadError(
            f"{most} rows have the name {worst!r}" if worst else "a row has no name",
            where=str(path),
            hint="a set has one row a series: name another column, or none",
        )


def _typed(
    table: Mapping[str, Sequence[object]], comma: bool, path: Path, findings: list[Finding]
) -> tuple[dict[str, Words], dict[str, FloatArray], NDArray[np.datetime64] | None]:
    """Return columns of words, columns of numbers, and the days."""
    texts: dict[str, Words] = {}
    numbers: dict[str, FloatArray] = {}
    date: NDArray[np.datetime64] | None = None
    for name, column in table.items():
        if name == "date":
            moments = [moment_of(cell)[0] for cell in column]
            date = np.array([m.date() if m else "NaT" for m in moments], dtype="datetime64[D]")
            continue
        values, wrong, _ = numbers_of(column, comma=comma)
        few = len(wrong) < np.isfinite(values).sum()
        if name not in WORDS and np.isfinite(values).any() and few:
            numbers[name] = values
            findings += _slips(name, wrong, path)
        else:
            words = texts_of(column)
            texts[name] = Words.of("" if w.lower() in _NOTHING else w for w in words)
            findings += _spellings(name, texts[name], path) if name in _SPELT else []
    return texts, numbers, date


_NOTHING = frozenset(("", "nan", "na", "n/a", "none", "null"))
"""Words for nothing."""


_SPELT = ("site", "label", "split", "sex")
"""Columns whose values divide the set: `Test` and `test` would be two splits."""


def _spellings(name: str, words: Words, path: Path) -> list[Finding]:
    known: dict[str, str] = {}
    for word in words.names:
        other = known.setdefault(word.casefold(), word)
        if other != word:
            return [_found(
                path, "spelt_differently", Severity.WARNING,
                f"{name!r}: {other!r} and {word!r} differ in capitals only; taken as two values",
                "write one of them in all rows, if they are the same",
            )]  # fmt: skip
    return []


def _slips(name: str, wrong: list[tuple[int, str]], path: Path) -> list[Finding]:
    if not wrong:
        return []
    return [_found(
        path, "cell_is_no_number", Severity.WARNING,
        f"{name!r}: {len(wrong)} cells are no numbers, first {wrong[0][1]!r} in row "
        f"{wrong[0][0] + 1}; taken as unknown",
        "correct them, or leave them empty",
    )]  # fmt: skip


def _too_long(cells: Cells, path: Path) -> list[Finding]:
    if not cells.too_long:
        return []
    return [_found(
        path, "too_many_cells", Severity.ERROR,
        f"{len(cells.too_long)} rows have more cells than names, first line {cells.too_long[0]}",
        "is it a comma in a number? write a point; these rows are left out",
    )]  # fmt: skip


def _found(path: Path, code: str, severity: Severity, message: str, hint: str) -> Finding:
    return Finding(code=code, severity=severity, message=message, where=str(path), hint=hint)


def _keys(
    table: Mapping[str, Sequence[object]], key: str, hash_patient: Callable[[str], str] | None,
    path: Path,
) -> tuple[str, list[str]]:  # fmt: skip
    """Return the kind of key, and that of each row as series have it."""
    kind = key or next((name for name in KEYS if name in table), "")
    if kind not in KEYS or kind not in table:
        raise UsageError(
            f"there is no column {kind!r}"
            if kind
            else f"has none of the columns {', '.join(KEYS)}",
            where=str(path),
            hint="name the column that tells which series a row is of: --column patient_id=COLUMN",
        )
    words = texts_of(table[kind])
    if kind == "path":
        return kind, [word.replace("\\", "/").removeprefix("./").rstrip("/") for word in words]
    if kind == "patient_id":
        if hash_patient is None:
            raise UsageError(
                "patient IDs cannot be joined without the key that the scan hashed them with",
                where=str(path),
                hint="give the key, or a column series_uid, path or patient_hash",
            )
        return kind, [hash_patient(word) if word else "" for word in words]
    return kind, words


def _first_rows(
    keys: list[str], table: Mapping[str, Sequence[object]], path: Path, findings: list[Finding]
) -> dict[str, int]:
    """Return key -> row; of rows with one key that do not agree none."""
    found: dict[str, int] = {}
    conflicting: dict[str, int] = {}
    columns = [table[name] for name in table if name not in KEYS]
    for i, word in enumerate(keys):
        first = found.setdefault(word, i)
        if first != i and any(text_of(column[first]) != text_of(column[i]) for column in columns):
            conflicting.setdefault(word, i)
    conflicting.pop("", None)
    found.pop("", None)
    if conflicting:
        some = sorted(conflicting.values())[:_SHOWN]
        findings.append(_found(
            path, "conflicting_rows", Severity.ERROR,
            f"{len(conflicting)} keys have rows that do not agree, first in row {some[0] + 1}; "
            "none of them is joined", "leave one row for each, or join by series",
        ))  # fmt: skip
    return {word: i for word, i in found.items() if word not in conflicting}


def _matched(
    own: list[str], rows: Mapping[str, int], keys: list[str], path: Path, findings: list[Finding]
) -> IntArray:
    """Return (n,) the row of each series, -1 for none; both kinds of unmatched are found."""
    place = np.array([rows.get(word, -1) if word else -1 for word in own], dtype=np.intp)
    known = set(own)
    lost = [i for i, word in enumerate(keys) if word not in known]
    if lost:
        findings.append(_found(
            path, "row_without_series", Severity.WARNING,
            f"{len(lost)} of {len(keys)} rows are of no series, first row {lost[0] + 1}",
            "is it another set, or are files missing?",
        ))  # fmt: skip
    missing = int(np.count_nonzero(place < 0))
    if missing:
        findings.append(_found(
            path, "series_without_row", Severity.WARNING,
            f"{missing} of {len(own)} series have no row", "what the table states is unknown there",
        ))  # fmt: skip
    return place


def _contradicted(name: str, before: Words, stated: Words, path: Path) -> list[Finding]:
    # both ways over the same names: they differ where both are known and not the same
    count = int(np.count_nonzero(stated.over(before).codes != before.over(stated).codes))
    if not count:
        return []
    return [_found(
        path, "table_differs_from_headers", Severity.WARNING,
        f"{name!r}: {count} series have another value in the table than headers or dataset.json "
        "state; that of the table counts", "look at which is right",
    )]  # fmt: skip
