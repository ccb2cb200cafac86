"""Phantoms and protocols from TOML: found in wheel, editable install, source tree or a folder."""

from __future__ import annotations

import difflib
import hashlib
import importlib.resources
import os
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from qiqa.core.arrangement import Arrangement
from qiqa.core.cylinder import CylinderPhantom
from qiqa.core.errors import DefinitionError, DefinitionsNotFoundError
from qiqa.core.phantom import Phantom
from qiqa.core.protocol import Protocol
from qiqa.io.consistency import check_arrangement, check_cylinder
from qiqa.io.structure import build

__all__ = ["load_phantom", "load_protocol", "names", "root"]

PHANTOM_SCHEMA = "qiqa.phantom/1"
PROTOCOL_SCHEMA = "qiqa.protocol/1"


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


def _folders(kind: str) -> list[Traversable]:
    """Return where definitions are looked for: each folder of QIQA_PATH, then the built-in one."""
    own = [Path(p) / kind for p in os.environ.get("QIQA_PATH", "").split(os.pathsep) if p]
    return [*(folder for folder in own if folder.is_dir()), root(kind)]


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


_CLASSES: dict[str, type[Phantom]] = {
    "acr_cylinder": CylinderPhantom,
    "arrangement": Arrangement,
}
"""Family -> how its geometry is written."""


def load_phantom(name: str) -> Phantom:
    """Read a phantom by name or by path of a TOML file.

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
    return phantom


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
