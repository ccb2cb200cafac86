"""The command line: the only room that prints or exits."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit with a status that says the worst.

    0 pass, 1 could not do it, 2 wrong usage, 3 tolerance, 4 action, 5 not evaluated,
    130 interrupted.
    """
    # Our matrices are small: threads of linear algebra only wait for each other, which takes more
    # time than all measuring, and results must not depend on their number. Before numpy comes.
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    try:
        from qiqa.cli.interruption import ignore_interruptions, prepare_for_interruption

        prepare_for_interruption()
        from qiqa.cli.app import run

        code = run()
        ignore_interruptions()
    except KeyboardInterrupt:  # before `run` could take care of it
        code = 130
    sys.exit(code)
