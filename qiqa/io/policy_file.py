"""Policy of a vetting: TOML to `VetPolicy`, every mistake named; the default one to start from."""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
import importlib.resources
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from qiqa.core.errors import DefinitionError, UsageError
from qiqa.core.vetting import (
    POLICY_SCHEMA,
    Action,
    Check,
    PolicyChange,
    PolicyRule,
    Setting,
    VetPolicy,
)

__all__ = ["default_policy_text", "parse_policy", "read_policy", "started_policy"]

_TOP = ("schema", "name", "purpose", "owner", "decided_on", "off", "rules", "checks", "changes")
_RULE = ("limit", "action", "owner", "reason")
_CHANGE = ("at", "who", "reason", "before_sha256")
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


def read_policy(path: Path, checks: Sequence[Check]) -> VetPolicy:
    """Read the policy in a file.

    Parameters
    ----------
    path
        TOML, schema `qiqa.vet_policy/1`.
    checks
        All that there are: their codes may have rules, their settings values.

    Raises
    ------
    DefinitionError
        Naming the file, the key, what is allowed and the nearest name that is known.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DefinitionError(
            f"cannot be read: {error.strerror or error}",
            where=str(path),
            hint="qiqa vet policy prints one to start from",
        ) from error
    return parse_policy(raw, checks, str(path))


def parse_policy(raw: bytes, checks: Sequence[Check], where: str) -> VetPolicy:
    """Return the policy in the bytes of a file; parameters and errors as in `read_policy`."""
    try:
        # editors put a mark in front; the SHA-256 is of the file as it is
        data = tomllib.loads(raw.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(f"not valid TOML: {error}", where=where) from error
    reader = _Reader(where, checks)
    return reader.policy(data, hashlib.sha256(raw).hexdigest())


def default_policy_text() -> str:
    """Return the default policy, with its comments."""
    folder = importlib.resources.files("qiqa.vetting").joinpath("policies")
    return folder.joinpath("default.toml").read_text(encoding="utf-8")


def started_policy(owner: str, purpose: str, name: str, decided_on: dt.date) -> str:
    """Return the default policy in the name of its owner; rules and comments stay as they are.

    Parameters
    ----------
    owner
        Who answers for it; empty: the line that asks for one stays.
    purpose, name
        Empty: as in the default.
    decided_on
        The day it is.

    Raises
    ------
    UsageError
        If a text cannot stand on one line.
    """
    lines = default_policy_text().splitlines()
    if owner:
        lines = _replaced(lines, "owner", _quoted(owner, "--owner"))
        lines = _replaced(lines, "decided_on", decided_on.isoformat())
    if purpose:
        lines = _replaced(lines, "purpose", _quoted(purpose, "--purpose"))
    if name:
        lines = _replaced(lines, "name", _quoted(name, "--name"))
    return "\n".join(lines) + "\n"


def _replaced(lines: list[str], key: str, value: str) -> list[str]:
    """Return lines with the first `key = ...` set; it stands above all tables."""
    at = next(i for i, line in enumerate(lines) if line.startswith(f"{key} = "))
    return [*lines[:at], f"{key} = {value}", *lines[at + 1 :]]


def _quoted(text: str, where: str) -> str:
    if not text.isprintable():
        raise UsageError(f"{text!r} holds a sign that cannot be printed", where=where)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Reader:
    """One file being read: its name, and the names that it may use."""

    def __init__(self, file: str, checks: Sequence[Check]) -> None:
        self.file = file
        self.checks = {check.name: check for check in checks}
        self.codes = [reason.code for check in checks for reason in check.reasons]

    def wrong(self, key: str, message: str, hint: str | None = None) -> DefinitionError:
        """Return the error for one key."""
        return DefinitionError(message, where=f"{self.file}: {key}", hint=hint)

    def unknown(self, key: str, name: str, known: Iterable[str], what: str) -> DefinitionError:
        """Return the error for a name that is not known, with the nearest that is."""
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names) or 'none'}"
        return self.wrong(key, f"no {what} {name!r}", hint)

    def policy(self, data: Mapping[str, Any], sha256: str) -> VetPolicy:
        """Return all of it."""
        for key in data:
            if key not in _TOP:
                raise self.unknown(key, key, _TOP, "key")
        if data.get("schema") != POLICY_SCHEMA:
            found = data.get("schema")
            raise self.wrong("schema", f"is {found!r}, this version reads {POLICY_SCHEMA!r}")
        rules = self.table(data, "rules", "")
        settings = self.table(data, "checks", "")
        return VetPolicy(
            name=self.words(data, "name", ""),
            purpose=self.words(data, "purpose", ""),
            owner=self.words(data, "owner", ""),
            decided_on=self.day(data),
            rules={code: self.rule(code, rules[code]) for code in rules},
            settings={name: self.settings(name, settings[name]) for name in settings},
            off=self.off(data.get("off", [])),
            changes=self.changes(data.get("changes", [])),
            sha256=sha256,
        )

    def table(self, data: Mapping[str, Any], key: str, above: str) -> Mapping[str, Any]:
        """Return a table; empty where there is none."""
        found = data.get(key, {})
        if not isinstance(found, dict):
            raise self.wrong(f"{above}{key}", f"{found!r} is not a table")
        return found

    def words(self, data: Mapping[str, Any], key: str, above: str) -> str:
        """Return a text that says something."""
        if key not in data:
            raise self.wrong(f"{above}{key}", "missing; it must be a text")
        found = data[key]
        if not isinstance(found, str) or not found.strip():
            raise self.wrong(f"{above}{key}", f"{found!r} is not a text that says something")
        return found

    def day(self, data: Mapping[str, Any]) -> dt.date:
        """Return the day of the decision."""
        found = data.get("decided_on")
        if not isinstance(found, dt.date) or isinstance(found, dt.datetime):
            message = f"{found!r} is not a day" if "decided_on" in data else "missing"
            raise self.wrong("decided_on", message, "write a day without quotes: 2026-11-28")
        return found

    def rule(self, code: str, given: Any) -> PolicyRule:
        """Return one rule."""
        above = f"rules.{code}"
        if code not in self.codes:
            raise self.unknown(above, code, self.codes, "check says")
        if not isinstance(given, dict):
            raise self.wrong(above, f"{given!r} is not a table")
        for key in given:
            if key not in _RULE:
                raise self.unknown(f"{above}.{key}", key, _RULE, "key")
        limit = given.get("limit")
        if isinstance(limit, bool) or not isinstance(limit, int | float) or math.isnan(limit):
            message = f"{limit!r} is not a number" if "limit" in given else "missing"
            raise self.wrong(f"{above}.limit", message, "a value above it calls for the action")
        if limit < 0:
            message, hint = f"{limit!r} is below 0", "0 calls for the action whenever it is seen"
            raise self.wrong(f"{above}.limit", message, hint)
        action = given.get("action")
        if action not in list(Action):
            message = f"{action!r} is no action" if "action" in given else "missing"
            near = difflib.get_close_matches(str(action), list(Action), n=1)
            hint = f"did you mean {near[0]!s}? " if near else ""
            hint += f"one of {', '.join(Action)}"
            raise self.wrong(f"{above}.action", message, hint)
        return PolicyRule(
            code=code,
            limit=float(limit),
            action=Action(action),
            owner=self.words(given, "owner", f"{above}."),
            reason=self.words(given, "reason", f"{above}."),
        )

    def settings(self, name: str, given: Any) -> dict[str, float | str | tuple[str, ...]]:
        """Return the settings of one check."""
        above = f"checks.{name}"
        if name not in self.checks:
            raise self.unknown(above, name, self.checks, "check")
        if not isinstance(given, dict):
            raise self.wrong(above, f"{given!r} is not a table")
        known = {one.name: one for one in self.checks[name].settings}
        made = {}
        for key, value in given.items():
            if key not in known:
                raise self.unknown(f"{above}.{key}", key, known, "setting")
            made[key] = self.setting(f"{above}.{key}", known[key], value)
        return made

    def setting(self, key: str, known: Setting, value: Any) -> float | str | tuple[str, ...]:
        """Return one value, of the type that its default has."""
        if isinstance(known.default, tuple):
            if isinstance(value, list) and all(isinstance(one, str) for one in value):
                return tuple(value)
            raise self.wrong(key, f"{value!r} is not a list of texts", known.meaning)
        if isinstance(known.default, str):
            if isinstance(value, str):
                return value
            raise self.wrong(key, f"{value!r} is not a text", known.meaning)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or math.isnan(value):
            raise self.wrong(key, f"{value!r} is not a number", known.meaning)
        return float(value)

    def off(self, given: Any) -> tuple[str, ...]:
        """Return the checks that are not run."""
        if not isinstance(given, list):
            raise self.wrong("off", f"{given!r} is not a list of checks")
        for name in given:
            if not isinstance(name, str) or name not in self.checks:
                raise self.unknown("off", str(name), self.checks, "check")
        return tuple(sorted(set(given)))

    def changes(self, given: Any) -> tuple[PolicyChange, ...]:
        """Return the changes that the file tells of."""
        if not isinstance(given, list):
            raise self.wrong("changes", f"{given!r} is not a list", "write [[changes]]")
        return tuple(self.change(f"changes[{i}].", one) for i, one in enumerate(given))

    def change(self, above: str, given: Any) -> PolicyChange:
        """Return one change."""
        if not isinstance(given, dict):
            raise self.wrong(above.rstrip("."), f"{given!r} is not a table")
        for key in given:
            if key not in _CHANGE:
                raise self.unknown(f"{above}{key}", key, _CHANGE, "key")
        at = given.get("at")
        if isinstance(at, dt.date) and not isinstance(at, dt.datetime):
            at = dt.datetime.combine(at, dt.time())
        if not isinstance(at, dt.datetime):
            hint = "write a day or a time without quotes: 2026-11-28T14:00:00"
            raise self.wrong(f"{above}at", f"{at!r} is not a time", hint)
        before = self.words(given, "before_sha256", above)
        if not _SHA256.match(before):
            raise self.wrong(f"{above}before_sha256", f"{before!r} is no SHA-256 (64 hex digits)")
        return PolicyChange(
            at=at,
            who=self.words(given, "who", above),
            reason=self.words(given, "reason", above),
            before_sha256=before,
        )
