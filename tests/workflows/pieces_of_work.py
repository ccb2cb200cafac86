"""Pieces of work for tests of those who do them: in a module that other processes can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def square(x):
    return x * x


def slow_square(x):
    time.sleep(0.02)
    return x * x


def mortal(x):
    """Die at 7, as a decoder does at a damaged file."""
    if x == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return x


def once_mortal(item):
    """Die the first time only, as a process that ran out of memory beside others."""
    x, flag = item
    if x == 3 and not Path(flag).exists():
        Path(flag).touch()
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGKILL)
    return x
