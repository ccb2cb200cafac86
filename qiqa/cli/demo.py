"""`qiqa demo`: an exam that needs nothing, through the whole walk."""

from __future__ import annotations

from pathlib import Path

from qiqa.cli import status
from qiqa.cli.console import say
from qiqa.cli.qc import QcOptions
from qiqa.cli.qc import command as run_qc
from qiqa.cli.simulate import SimulateOptions
from qiqa.cli.simulate import command as run_simulation
from qiqa.core.errors import OutputError

__all__ = ["command"]


def command(output: Path | None, json: str | None) -> int:
    """Simulate a slightly imperfect exam, run its QC, say where everything is.

    The demo keeps its own history, apart from the real one.
    """
    folder = output if output is not None else _default_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot be made: {error.strerror or error}",
            where=str(folder),
            hint="choose one with -o",
        ) from error
    if json != "-":
        say("simulating an exam: phantom turned by 1.5 degrees, slices 1.2 mm too far up\n")
    exam = folder / "exam"
    run_simulation(
        SimulateOptions(
            phantom="acr_large",
            output=exam,
            snr=120.0,
            rotation_deg=1.5,
            displacement_mm=1.2,
            thickness_mm=5.1,
            gradient_error_percent="0.3,-0.2,0.1",
            bubble_deg=8.0,
        )
    )
    code = run_qc(
        QcOptions(
            paths=(exam,),
            protocol="acr_large_2022",
            report=folder / "report.html",
            json=json,
            store=str(folder / "history.db"),
        )
    )
    if code == status.FAILED:
        return code
    if json != "-":
        say("\nyour own scans: qiqa qc FOLDER")
    return status.PASS


def _default_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("qiqa", appauthor=False)) / "demo"
