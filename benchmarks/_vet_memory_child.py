"""All that `qiqa vet` does once every series is examined: WORK-FOLDER OUT. Prints each phase."""

from __future__ import annotations

import sys
from pathlib import Path

from _vet_scale_child import given


def run(folder: Path, output: Path) -> None:
    """Judge the series of a working file and write the outputs."""
    from qiqa.io.vet_parts import write_features
    from qiqa.store.vet_work import VetWork
    from qiqa.workflows.executing import Processes
    from qiqa.workflows.vet_outputs import write_decisions, write_parts
    from qiqa.workflows.vetting_walk import vet_images

    what, text = given()
    output.mkdir(parents=True)
    phases = {"putting all series together": "set", "deciding": "deciding"}
    begin("start")
    with VetWork(folder / "work.sqlite") as work:
        result, table, _ = vet_images(
            folder / "empty", work, what, Processes(1), lambda told: begin(phases.get(told, ""))
        )
        begin("writing")
        write_parts(result.parts, output)
        keys = zip(table.series_uid, table.path, strict=True)
        write_features(keys, table.features, table.values, output)
        write_decisions(result, output, text)
    begin("end")


def begin(phase: str) -> None:
    """Say what is done from now on."""
    if phase:
        print(phase, flush=True)


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]))
