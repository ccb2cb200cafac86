"""Phantoms and protocols from TOML: found in wheel, editable install, source tree or a folder."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import importlib.resources
import os
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from qiqa.core.arrangement import Arrangement
from qiqa.core.certificate import UnitCertificates
from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import DefinitionError, DefinitionsNotFoundError
from qiqa.core.phantom import Phantom, Supplement
from qiqa.core.protocol import Protocol
from qiqa.io.consistency import check_arrangement, check_cylinder, check_unit
from qiqa.io.structure import build

__all__ = [
    "CERTIFICATE_SCHEMA",
    "load_certificates",
    "load_phantom",
    "load_protocol",
    "names",
    "root",
    "schema_of",
]

PHANTOM_SCHEMA = "qiqa.phantom/1"
PROTOCOL_SCHEMA = "qiqa.protocol/1"
CERTIFICATE_SCHEMA = "qiqa.certificate/1"
_OURS = ("path", "sha256", "supplements")
"""Fields of the nouns that reading fills; no file may set them."""


def root(kind: str) -> Traversable:
    """Return the built-in folder of `phantoms` or `protocols`.

    Raises
    ------
    DefinitionsNotFoundError
        If this installation has lost it.
    """
    packaged = importlib.resources.files("qiqa").joinpath("_data", kind)
    if packaged.is_dir():
        return packaged
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / kind).is_dir() and (checkout / "pyproject.toml").is_file():
        return checkout / kind
    raise DefinitionsNotFoundError(
        f"the folder {kind}/ is not in this installation",
        where=str(packaged),
        hint="install qiqa again",
    )


def _own_folders(kind: str) -> list[Path]:
    """Return the folders of QIQA_PATH that hold something of this kind."""
    own = [Path(p) / kind for p in os.environ.get("QIQA_PATH", "").split(os.pathsep) if p]
    return [folder for folder in own if folder.is_dir()]


def _folders(kind: str) -> list[Traversable]:
    """Return where definitions are looked for: each folder of QIQA_PATH, then the built-in one."""
    return [*_own_folders(kind), root(kind)]


def names(kind: str) -> tuple[str, ...]:
    """Return the names of all definitions of `phantoms` or `protocols`."""
    found = {
        item.name.removesuffix(".toml")
        for folder in _folders(kind)
        for item in folder.iterdir()
        if item.name.endswith(".toml")
    }
    return tuple(sorted(found))


def _resolve(kind: str, name: str) -> Traversable:
    if name.endswith(".toml"):
        path = Path(name)
        if path.is_file():
            return path
        raise DefinitionError("no such file", where=name)
    for folder in _folders(kind):
        path_or_item = folder.joinpath(f"{name}.toml")
        if path_or_item.is_file():
            return path_or_item
    known = names(kind)
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "give a name from the list or a .toml file"
    raise DefinitionError(f"{name!r} is not among {', '.join(known)}", where=kind, hint=hint)


def _parse(item: Traversable) -> tuple[dict[str, Any], str]:
    try:
        raw = item.read_bytes()
        return tomllib.loads(raw.decode("utf-8")), hashlib.sha256(raw).hexdigest()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"not valid TOML: {error}", where=str(item)) from error
    except OSError as error:
        raise DefinitionError(f"cannot be read: {error.strerror}", where=str(item)) from error


def _check_schema(data: dict[str, Any], expected: str, where: str) -> None:
    if data.get("schema") != expected:
        raise DefinitionError(
            f"schema is {data.get('schema')!r}, this version reads {expected!r}",
            where=f"{where}: schema",
        )
    for key in _OURS:
        if key in data:
            message = "unknown key: it is filled in when the file is read"
            raise DefinitionError(message, where=f"{where}: {key}", hint="leave it out")


def schema_of(path: Path) -> str | None:
    """Return the schema that a TOML file names, None where it names none.

    Raises
    ------
    DefinitionError
        If it cannot be read or is no TOML.
    """
    schema = _parse(path)[0].get("schema")
    return schema if isinstance(schema, str) else None


_CLASSES: dict[str, type[Phantom]] = {
    "acr_cylinder": CylinderPhantom,
    "arrangement": Arrangement,
}
"""Family -> how its geometry is written."""


def load_phantom(name: str) -> Phantom:
    """Read a phantom by name or by path of a TOML file.

    Values of single units in the folders `certificates` of QIQA_PATH are added to it.

    Raises
    ------
    DefinitionError
        If there is none, or it is wrong: file, path inside it, value, what is allowed.
    """
    item = _resolve("phantoms", name)
    data, sha256 = _parse(item)
    _check_schema(data, PHANTOM_SCHEMA, str(item))
    family = data.get("family")
    if family not in _CLASSES:
        message = f"{family!r} is not one of {', '.join(map(repr, _CLASSES))}"
        raise DefinitionError(message, where=f"{item}: family")
    given = {**data, "path": str(item), "sha256": sha256}
    phantom: Phantom = build(_CLASSES[family], given, file=str(item))
    if isinstance(phantom, CylinderPhantom):
        check_cylinder(phantom, str(item))
    elif isinstance(phantom, Arrangement):
        check_arrangement(phantom, str(item))
        return _with_units(phantom)
    return phantom


def _with_units(phantom: Arrangement) -> Arrangement:
    """Return a phantom with the tables of those units that have a file of their own."""
    found: dict[str, UnitCertificates] = {}
    files: dict[str, Path] = {}
    for folder in reversed(_own_folders("certificates")):
        files |= {path.name: path for path in sorted(folder.glob("*.toml"))}
    for path in files.values():
        unit = _read_certificates(path)
        if unit.phantom != phantom.id:
            continue
        if unit.serial in found:
            message = (
                f"second file for unit {unit.serial!r}; the first is {found[unit.serial].path}"
            )
            raise DefinitionError(message, where=unit.path, hint="keep one of them")
        check_unit(unit, phantom)
        found[unit.serial] = unit
    tables = [
        dataclasses.replace(table, serial=unit.serial)
        for unit in found.values()
        for table in unit.certificate
    ]
    return dataclasses.replace(
        phantom,
        certificate=(*phantom.certificate, *tables),
        supplements=tuple(
            Supplement(path=u.path, sha256=u.sha256, serial=u.serial) for u in found.values()
        ),
    )


def _read_certificates(path: Path) -> UnitCertificates:
    data, sha256 = _parse(path)
    _check_schema(data, CERTIFICATE_SCHEMA, str(path))
    given = {**data, "path": str(path), "sha256": sha256}
    unit: UnitCertificates = build(UnitCertificates, given, file=str(path))
    return unit


def load_certificates(path: Path) -> UnitCertificates:
    """Read a file with the values of one unit and hold it against its type of phantom.

    Raises
    ------
    DefinitionError
        If it is wrong or its phantom is not known: file, path inside it, value, what is allowed.
    """
    unit = _read_certificates(path)
    phantom = load_phantom(unit.phantom)
    if not isinstance(phantom, Arrangement):
        message = f"{unit.phantom!r} is not built of groups of inserts, so it has no such tables"
        raise DefinitionError(message, where=f"{path}: phantom")
    check_unit(unit, phantom)
    return unit


def _extended(data: dict[str, Any], sha256: str, where: str) -> tuple[dict[str, Any], str]:
    """Return the keys of a protocol with those of the one it extends, and a hash of both."""
    name = data.get("extends")
    if name is None:
        return data, sha256
    if not isinstance(name, str):
        raise DefinitionError(f"{name!r} is not a name", where=f"{where}: extends")
    item = _resolve("protocols", name)
    first, own = _parse(item)
    _check_schema(first, PROTOCOL_SCHEMA, str(item))
    if "extends" in first:
        message = f"{name!r} extends another protocol itself"
        hint = f"extend {first['extends']!r}"
        raise DefinitionError(message, where=f"{where}: extends", hint=hint)
    first.pop("usual", None)  # which protocol is taken unasked is said by that one alone
    return {**first, **data}, hashlib.sha256(f"{sha256}{own}".encode()).hexdigest()


def load_protocol(name: str) -> Protocol:
    """Read a protocol by name or by path of a TOML file.

    Raises
    ------
    DefinitionError
        If there is none, or it is wrong: file, path inside it, value, what is allowed.
    """
    item = _resolve("protocols", name)
    data, sha256 = _parse(item)
    _check_schema(data, PROTOCOL_SCHEMA, str(item))
    data, sha256 = _extended(data, sha256, str(item))
    given = {**data, "path": str(item), "sha256": sha256}
    protocol: Protocol = build(Protocol, given, file=str(item))
    roles = {series.role for series in protocol.series}
    for index, limit in enumerate(protocol.limit):
        unknown = [role for role in limit.roles if role not in roles]
        if unknown:
            message = f"{unknown[0]!r} is not a role of this protocol: {sorted(roles)}"
            raise DefinitionError(message, where=f"{item}: limit[{index}].roles")
        levels = limit.tolerance
        if levels and (levels[0] < limit.action[0] or levels[1] > limit.action[1]):
            message = f"{list(levels)} reaches outside action {list(limit.action)}"
            raise DefinitionError(message, where=f"{item}: limit[{index}].tolerance")
    return protocol
