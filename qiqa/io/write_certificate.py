"""The values of one unit as TOML (`qiqa.certificate/1`), as load_phantom reads them."""

from __future__ import annotations

import dataclasses
import json

from qiqa.core.certificate import Certificate, UnitCertificates

__all__ = ["certificate_toml"]


def certificate_toml(unit: UnitCertificates, made_from: str) -> str:
    """Return the text of a file for FOLDER/certificates.

    Parameters
    ----------
    unit
        What it holds.
    made_from
        Words for the first line: from what it was made.
    """
    lines = [
        # a comment must stay one line, whatever the name of the file it was made from holds
        f"# Made from {json.dumps(made_from, ensure_ascii=True)[1:-1]}",
        "",
        f"schema = {_text(unit.schema)}",
        f"phantom = {_text(unit.phantom)}",
        f"serial = {_text(unit.serial)}",
    ]
    for table in unit.certificate:
        lines += ["", "[[certificate]]", *_table(table)]
    return "\n".join(lines) + "\n"


def _table(table: Certificate) -> list[str]:
    lines = []
    for field in dataclasses.fields(table):
        value = getattr(table, field.name)
        if value != field.default and field.name not in ("batch", "serial"):
            lines.append(f"{field.name} = {_value(value)}")
    return lines


def _value(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple):
        if value and isinstance(value[0], tuple):
            return "[\n" + "".join(f"  {_value(row)},\n" for row in value) + "]"
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return repr(value)


def _text(text: str) -> str:
    """Return a TOML basic string; the escapes of JSON are among those of TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
