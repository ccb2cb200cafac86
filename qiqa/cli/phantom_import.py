"""`qiqa phantoms import`: the maker's workbook of one unit becomes a certificate file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qiqa.cli import status
from qiqa.cli.console import say, write_json, write_text
from qiqa.core.arrangement import Arrangement
from qiqa.core.errors import OutputError, UsageError

if TYPE_CHECKING:
    from qiqa.cli.phantoms import Options

__all__ = ["bring"]


def bring(workbook: Path, options: Options) -> int:
    """Read a workbook, write the certificate file, say what was done and what to know.

    Raises
    ------
    UsageError
        If an option is missing or cannot be used.
    OutputError
        If the file exists or cannot be written.
    """
    from qiqa.io.calibration import import_workbook
    from qiqa.io.consistency import check_unit
    from qiqa.io.definitions import load_phantom
    from qiqa.io.write_certificate import certificate_toml

    output, serial = options.output, options.serial
    if output is None or options.phantom is None or serial is None or not serial.strip():
        raise UsageError(
            "import needs --phantom, --serial and -o",
            where="qiqa phantoms",
            hint="qiqa phantoms import WORKBOOK --phantom nist_system --serial S -o FILE.toml",
        )
    if output.suffix != ".toml":
        message = f"{output.name!r} must end in .toml: only such files are found"
        raise UsageError(message, where="--output")
    k = options.coverage_factor
    if k is not None and not 0 < k <= 10:
        raise UsageError(f"{k:g} is not a coverage factor from 0 to 10", where="--coverage-factor")
    phantom = load_phantom(options.phantom)
    if not isinstance(phantom, Arrangement):
        message = f"{options.phantom!r} has no groups of inserts that a workbook could be for"
        raise UsageError(message, where="--phantom", hint="give nist_system or qiba_diffusion")
    # a certificate that changes unseen would change results; the user removes the old one
    if output.exists():
        raise OutputError("exists already", where=str(output), hint="remove it or give another")
    found = import_workbook(workbook, phantom, serial, k)
    check_unit(found.unit, phantom)
    write_text(certificate_toml(found.unit, workbook.name), str(output))
    to_error = options.json == "-"
    if options.json is not None:
        row = {
            "phantom": found.unit.phantom,
            "serial": found.unit.serial,
            "path": str(output),
            "tables": [t.describe() for t in found.unit.certificate],
            "used": list(found.used),
            "skipped": list(found.skipped),
            "remarks": list(found.remarks),
        }
        write_json({"schema": "qiqa.phantoms/1", "certificates": [row]}, options.json)
    say(f"read     {', '.join(found.used)}", to_error=to_error)
    if found.skipped:
        say(f"left out {', '.join(found.skipped)}", to_error=to_error)
    for remark in found.remarks:
        say(f"note     {remark}", to_error=to_error)
    say(f"written  {output.resolve()}", to_error=to_error)
    if output.resolve().parent.name != "certificates":
        say(
            "note     it is used from a folder FOLDER/certificates with FOLDER in QIQA_PATH",
            to_error=to_error,
        )
    return status.PASS
