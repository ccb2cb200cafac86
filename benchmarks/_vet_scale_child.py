"""One vetting, step by step, each timed: IMAGES OUT PROCESSES. The last line printed is JSON."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiqa.workflows.vetting_walk import Given


class Clock:
    """Seconds since it was last asked."""

    def __init__(self) -> None:
        self.at = time.perf_counter()

    def __call__(self) -> float:
        """Return them."""
        before, self.at = self.at, time.perf_counter()
        return self.at - before


def given() -> tuple[Given, bytes]:
    """Return the default policy and a fixed key, as `qiqa vet` without options has them."""
    import datetime as dt

    from qiqa.core.pseudonyms import PseudonymKey
    from qiqa.io.policy_file import default_policy_text, parse_policy
    from qiqa.workflows.vet_checks import known_checks
    from qiqa.workflows.vetting_walk import Given

    text = default_policy_text().encode("utf-8")
    policy = parse_policy(text, known_checks(), "default policy")
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return Given(policy=policy, key=PseudonymKey(b"k" * 32), now=now), text


def run(images: Path, output: Path, processes: int) -> dict[str, float]:
    """Return seconds, memory and counts."""
    from qiqa.io.vet_parts import write_features
    from qiqa.store.vet_work import VetWork
    from qiqa.workflows.executing import Processes
    from qiqa.workflows.training_set import examine, scan
    from qiqa.workflows.vet_outputs import write_decisions, write_parts
    from qiqa.workflows.vetting_walk import vet_images

    what, text = given()
    output.mkdir(parents=True)
    found: dict[str, float] = {"processes": processes, "load_before": os.getloadavg()[0]}
    clock, whole, executor = Clock(), Clock(), Processes(processes)
    with VetWork(output / "work.sqlite") as work:
        scan(images, work, executor, what.key.secret, _quiet)
        found["scan_s"] = clock()
        examine(images, work, what.policy, executor, _quiet)
        found["examine_s"] = clock()
        found["leader_examined_mb"] = _peak(resource.RUSAGE_SELF)
        found["leader_cpu_s"] = time.process_time()
        # all is done but what it ends with: the walk says where it is
        begins = {"putting all series together": "again_s", "deciding": "set_s"}

        def told(text: str) -> None:
            if text in begins:
                found[begins[text]] = clock()

        result, table, _ = vet_images(images, work, what, executor, told)
        found["judge_s"] = clock()
        write_parts(result.parts, output)
        keys = zip(table.series_uid, table.path, strict=True)
        write_features(keys, table.features, table.values, output)
        write_decisions(result, output, text)
        found["write_s"] = clock()
        found["series"], found["files"] = result.counts.series, work.files()
    found["all_s"] = whole()
    return found | _sizes(images, output)


def _sizes(images: Path, output: Path) -> dict[str, float]:
    made = {path.name: path.stat().st_size / 1e6 for path in output.iterdir()}
    own, others = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "mb": sum(p.stat().st_size for p in images.rglob("*.dcm")) / 1e6,
        "work_mb": made.pop("work.sqlite"),
        "outputs_mb": sum(made.values()),
        "leader_mb": _peak(resource.RUSAGE_SELF),
        "worker_mb": _peak(resource.RUSAGE_CHILDREN),
        "cpu_s": own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime,
        "load_after": os.getloadavg()[0],
    }


def _peak(who: int) -> float:
    return resource.getrusage(who).ru_maxrss / 1024


def _quiet(_: str) -> None:
    """Tell nobody."""


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))))
