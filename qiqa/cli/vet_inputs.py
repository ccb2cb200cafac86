"""What `qiqa vet` is given besides the images: policy, key, tables, history."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.cli.columns import named_columns
from qiqa.core.errors import UsageError
from qiqa.core.finding import Finding
from qiqa.core.pseudonyms import PseudonymKey
from qiqa.core.scanner_record import ScannerRecord
from qiqa.core.vet_table import VetTable
from qiqa.core.vetting import Check, VetPolicy

if TYPE_CHECKING:
    from qiqa.cli.vet import Options
    from qiqa.core.drift import TimeSeries
    from qiqa.core.trial import Readings
    from qiqa.core.vet_result import GivenFile
    from qiqa.io.vet_table import SetRoles
    from qiqa.workflows.lineage import Calibrations
    from qiqa.workflows.lineage_bias import BiasState
    from qiqa.workflows.vetting_walk import Given
    from qiqa.workflows.watching import Records

__all__ = ["given_of", "policy_of", "roles_of"]

_KEY = "patients.key"


def policy_of(path: Path | None, checks: Sequence[Check]) -> tuple[VetPolicy, bytes]:
    """Return the policy that was given, or the default one, and its file byte by byte."""
    from qiqa.io.policy_file import default_policy_text, parse_policy, read_policy

    if path is None:
        text = default_policy_text().encode("utf-8")
        return parse_policy(text, checks, "default policy"), text
    return read_policy(path, checks), path.read_bytes()


def given_of(options: Options, policy: VetPolicy, now: dt.datetime) -> Given:
    """Return all that is known besides the images."""
    from qiqa.core.vet_result import About
    from qiqa.io.population import read_population
    from qiqa.io.vet_override import read_overrides
    from qiqa.workflows.vetting_walk import Given

    secret = None if options.history_key is None else _read_key(options.history_key)
    about = About(
        name=options.name or options.path.resolve().name,
        description=options.description,
        license=options.license,
        creator=options.creator,
        url=options.url,
    )
    key = _key(options)
    return Given(
        policy=policy,
        key=key,
        now=now,
        about=about,
        # times of a history have no zone
        records=_records(options, policy, now.replace(tzinfo=None), secret),
        history_key=secret,
        population=read_population(options.population) if options.population else {},
        join=_join(options, key),
        output=options.output,
        inputs=(options.path.resolve().name,),
        files=_files(options),
        overrides=read_overrides(options.output),
    )


def _files(options: Options) -> tuple[GivenFile, ...]:
    """Return what the answer depends on besides the images, with its SHA-256."""
    from qiqa.io.vet_files import given_file

    # a history on a server has no file, and its address may hold a password
    stored = Path(options.history) if options.history is not None else None
    given = (
        ("set", options.path if _is_table(options) else None),
        ("table", options.table),
        ("population", options.population),
        ("history", stored if stored is not None and stored.is_file() else None),
        ("calibration", options.calibration),
    )
    return tuple(given_file(role, path) for role, path in given if path is not None)


def _read_key(path: Path) -> PseudonymKey:
    from qiqa.io.keyfile import key_from

    try:
        return key_from(path)
    except UsageError as error:
        hint = (
            "give the file that qiqa made for the other set, or the images were de-identified with"
        )
        raise UsageError(error.message, where=error.where, hint=hint) from None


def _key(options: Options) -> PseudonymKey:
    """Return the key of the hashes; the first time one is made."""
    from qiqa.cli.vet import PRIVATE
    from qiqa.io.keyfile import make_key

    if options.key is not None and not options.key.exists():
        hint = "for a key of its own leave --key out; hashes of two sets compare with one key"
        raise UsageError("no such file", where=str(options.key), hint=hint)
    path = options.key or options.output / PRIVATE / _KEY
    if path.exists() or options.key is not None:
        return _read_key(path)
    return make_key(path)


def _join(
    options: Options, key: PseudonymKey
) -> Callable[[VetTable], tuple[VetTable, tuple[Finding, ...]]] | None:
    path = options.table
    if path is None:
        if options.column and not _is_table(options):
            hint = "give the table that has the column: --table FILE"
            raise UsageError("says what a column of a table is", where="--column", hint=hint)
        return None
    if _is_table(options):
        raise UsageError("not with a table as the set", where="--table")
    from qiqa.io.scan.gathering import patient_hash
    from qiqa.io.vet_table import join_metadata

    columns = named_columns(options.column)
    return lambda table: join_metadata(
        table,
        path,
        columns=columns,
        hash_patient=lambda who: patient_hash(key, "", who, "", ""),
    )


def _is_table(options: Options) -> bool:
    from qiqa.cli.vet import TABLES

    return options.path.suffix.lower() in TABLES


def roles_of(options: Options) -> SetRoles:
    """Return what the columns of a table are that is the whole set."""
    from qiqa.io.vet_table import SetRoles

    columns = named_columns(options.column)
    return SetRoles(row=columns.pop("row", ""), columns=columns)


def _records(
    options: Options, policy: VetPolicy, now: dt.datetime, secret: PseudonymKey | None
) -> Mapping[str, ScannerRecord] | None:
    """Return what the history of phantoms says of the scanners."""
    from qiqa.workflows.lineage import pseudonymous, scanner_records

    if options.history is None:
        for name, given in (("history-key", secret), ("calibration", options.calibration)):
            if given is not None:
                raise UsageError("only with --history", where=f"--{name}")
        return None
    series, records, readings = _history(options.history)
    found = scanner_records(
        series,
        records,
        now,
        biases=_biases(readings, policy, now),
        calibrations=None if options.calibration is None else _calibrations(options.calibration),
    )
    return found if secret is None else pseudonymous(found, secret)


def _history(given: str) -> tuple[list[TimeSeries], Records, tuple[Readings, ...]]:
    """Return values over time, what is on record beside them, and readings with references."""
    from qiqa.cli.drift_sources import existing, of_scanner, records_of
    from qiqa.io.history_table import read_history_table
    from qiqa.io.readings_table import read_readings
    from qiqa.workflows.watching import Records

    path = Path(given)
    if path.suffix.lower() not in (".csv", ".tsv", ".parquet"):
        with existing(given, writing=False) as store:
            return of_scanner(store, None), records_of(store), store.readings()
    read = read_history_table(path, {})
    readings = read_readings(path).readings if read.has_references else ()
    return list(read.series), Records(), readings


def _biases(
    readings: tuple[Readings, ...], policy: VetPolicy, now: dt.datetime
) -> Mapping[str, BiasState]:
    """Return what certified values say of the scanners, against the claims of the policy."""
    from qiqa.cli.trial_report import claims_of
    from qiqa.vetting.checking import settings_of
    from qiqa.vetting.checks import phantom_lineage
    from qiqa.workflows.lineage_bias import bias_states

    check = phantom_lineage.CHECK
    settings = settings_of(check, policy)
    stated = settings["claims"]
    texts = stated if isinstance(stated, tuple) else (str(stated),)
    claims = claims_of(texts, f"policy, checks.{check.name}.claims")
    return bias_states(readings, claims, now, float(str(settings["days"])))


def _calibrations(path: Path) -> Calibrations:
    """Return calibrations with the name, version and date of their file."""
    from qiqa.io.calibration_file import calibrations_of, read_json
    from qiqa.workflows.lineage import Calibrations

    content = calibrations_of(read_json(path), str(path))
    version = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    file = f"{path.name} ({version}, made {content.made_at:%Y-%m-%d})"
    return Calibrations(content=content, file=file)
