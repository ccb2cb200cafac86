"""Ctrl-C ends a command with one line, whatever half-built object it happened to hit."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from types import FrameType

__all__ = ["ignore_interruptions", "prepare_for_interruption", "was_interrupted"]

_DROPS_IT = "_numba_unpickle"
"""Function that numba calls when it hands an array back: what is raised inside of it is dropped. A
signal that came while compiled code ran is seen here first."""

_asked_to_stop: list[int] = []
"""Signals of interruption that came, of this process."""


def was_interrupted() -> bool:
    """Return whether Ctrl-C was pressed: a failure after it may only be its echo.

    A compiler that is interrupted while it is called back goes on without its result and fails
    for want of it, and a module written in C says ImportError whatever met it while it was loaded.
    """
    return bool(_asked_to_stop)


def prepare_for_interruption() -> None:
    """Let an interruption be neither lost in a destructor nor followed by the noise of one.

    The exception of Ctrl-C is raised between any two steps of Python. Inside a constructor (of a
    compiler's object, say) it leaves an object whose destructor then fails, and Python prints that
    failure although nothing is wrong; inside a destructor it is printed and dropped, and the
    command goes on as if nobody had asked it to stop. A handler of SIGINT set by somebody else
    is left alone, and so is every failure that no interruption went before.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        return
    usual = sys.unraisablehook

    def interrupt(number: int, frame: FrameType | None) -> None:
        _asked_to_stop.append(number)
        if frame is not None and frame.f_code.co_name == _DROPS_IT:
            _interrupt_again()
            return
        signal.default_int_handler(number, frame)

    def unraisable(failure: sys.UnraisableHookArgs) -> None:
        if issubclass(failure.exc_type, KeyboardInterrupt):
            _interrupt_again()  # raised here it would only be dropped once more
        elif not was_interrupted():
            usual(failure)

    signal.signal(signal.SIGINT, interrupt)
    sys.unraisablehook = unraisable


def ignore_interruptions() -> None:
    """Let what is still on its way not disturb the end, when all is said."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt_again() -> None:
    """Interrupt a moment later, out of what would drop it."""
    again = threading.Timer(0.01, _thread.interrupt_main)
    again.daemon = True
    again.start()
