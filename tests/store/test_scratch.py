"""Arrays in files without a name: as any array, gone with it, and a full disk is an error."""

from __future__ import annotations

import errno
import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from qiqa.core.errors import StoreError
from qiqa.store.scratch import Scratch


@pytest.mark.parametrize("shape", [(0,), (3, 5), (70_000,), (3, 300_000), (0, 248)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float64, "datetime64[D]"])
def test_zeros_that_may_be_written(tmp_path, shape, dtype):
    made = Scratch(tmp_path)(shape, dtype)
    assert type(made) is np.ndarray
    assert (made.shape, made.dtype) == (shape, np.dtype(dtype))
    assert made.flags.writeable
    assert made.flags.c_contiguous
    assert not made.view(np.uint8).any()
    made[...] = np.ones((), dtype=np.int64).astype(dtype)
    assert (made == made.dtype.type(1) if dtype != "datetime64[D]" else made.astype(int) == 1).all()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says what is in memory")
def test_its_memory_is_that_of_files_and_its_files_have_no_name(tmp_path):
    program = """
import sys
from pathlib import Path
import numpy as np
from qiqa.store.scratch import Scratch

def anonymous():
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("RssAnon:")[1].split()[0])

before = anonymous()
made = (Scratch(Path(sys.argv[1])) if sys.argv[2] == "file" else np.zeros)((1 << 26,), np.uint8)
made[:] = 1
print(anonymous() - before, len(list(Path(sys.argv[1]).iterdir())))
"""
    grown = {}
    for where in ("file", "memory"):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path), where],
            check=True,
            capture_output=True,
            text=True,
        )
        kilobytes, files = map(int, done.stdout.split())
        grown[where] = kilobytes
        assert files == 0
    assert grown["memory"] > 60_000
    assert grown["file"] < 5_000


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="Linux says what is open")
def test_the_file_is_gone_with_its_array(tmp_path):
    def held():
        links = [one for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
        return sum(str(tmp_path) in str(one.readlink()) for one in links)

    made = Scratch(tmp_path)((1_000_000,), np.float32)
    part = made[5:7]
    assert held() == 1
    del made
    assert part.tolist() == [0, 0]
    del part
    gc.collect()
    assert held() == 0


def test_no_room_is_an_error_that_says_what_to_do(tmp_path):
    resource = pytest.importorskip("resource", reason="POSIX limits what a file may take")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(StoreError, match="2,000,000 bytes for a while") as error:
            Scratch(tmp_path)((2_000_000,), np.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert os.strerror(errno.EFBIG) in str(error.value)
    assert "make room" in str(error.value.hint)
    with pytest.raises(StoreError, match="No such file"):
        Scratch(tmp_path / "none")((2_000_000,), np.uint8)
