"""Compiled code on disk and model files: what the next process makes of them.

Each test starts processes of its own. Only kernels that are compiled in a second or two, or are
compiled already, take part.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import qiqa

PACKAGE = Path(qiqa.__file__).parent

MODEL = '''"""A model of somebody else: T2 with another name."""
from qiqa.core.maps import Parameter
from qiqa.core.signal_model import Example
from qiqa.models import t2
from qiqa.models.t2 import constants, coordinate, scale, value, predict
TITLE = EQUATION = "of somebody else"
REFERENCES = ("none",)
QUANTITY, ENCODING, ENGINE = "t2", "echo_time", "amplitude"
PARAMETERS = (
    Parameter(name="t2", unit="ms", bids="T2map", lower=0.5, upper=10000.0),
    Parameter(name="s0", unit="signal", bids="S0map"),
)
EXAMPLE = Example(values=(10.0, 20.0, 30.0, 40.0), ranges=((10.0, 60.0), (1.0, 1.0)))

def basis(e, t, a, b, q):
    return FACTOR * e, -a * t * FACTOR * e
'''

TABLE = """
import json, sys
import numpy as np
from qiqa.fitting.loading import handle, model
from qiqa.kernels.table import tabulate_one
found = []
for name in sys.argv[1:]:
    module = model(name)
    points = module.EXAMPLE.points()
    table = np.empty((2, points.values.size))
    tabulate_one(handle(module, False), module.constants(points), np.log([1.0, 2.0]), table)
    found.append(float(table[0, 0]))
stats = tabulate_one.stats
print(json.dumps({
    "table": found, "hits": sum(stats.cache_hits.values()),
    "misses": sum(stats.cache_misses.values()),
}))
"""

FIT = """
import json, sys
import numpy as np
from qiqa.fitting import fit_arrays
import qiqa.kernels.amplitude, qiqa.kernels.loglinear, qiqa.kernels.tensor, qiqa.kernels.table
from qiqa.kernels.compiling import cache_folder
name, axis = sys.argv[1], 0.5**0.5
g = [(0, 0, 0), (axis, axis, 0), (axis, -axis, 0), (axis, 0, axis), (axis, 0, -axis),
     (0, axis, axis), (0, axis, -axis), (1, 0, 0)]
x = np.array([10.0, 20, 30, 40] if name.startswith("t2") else [0.0] + [800.0] * 7)
directions = g if name == "diffusion_tensor" else None
rate = 1 / 25.0 if name.startswith("t2") else 1e-3
signal = 1000 * np.exp(-x[:, None] * rate) * np.ones(5)
maps = fit_arrays(signal, name, x, directions=directions, noise_sd=None)
kernels = [
    qiqa.kernels.amplitude.fit_amplitude, qiqa.kernels.loglinear.fit_log_linear,
    qiqa.kernels.tensor.fit_tensor, qiqa.kernels.table.tabulate_one,
]
print(json.dumps({
    "first": float(maps.estimates[0, 0, 0, 0]), "status": int(maps.status[0, 0, 0]),
    "hits": sum(sum(k.stats.cache_hits.values()) for k in kernels),
    "misses": sum(sum(k.stats.cache_misses.values()) for k in kernels),
    "compiled": sum(len(k.signatures) for k in kernels),
    "folders": [cache_folder(k) for k in kernels],
}))
"""


def run(code, *arguments, path=PACKAGE.parent, **environment):
    """Run code in a new process that finds qiqa in `path` first; return what it printed."""
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(p) for p in _many(path)),
             "PYTHONDONTWRITEBYTECODE": "1", **environment},
        cwd=_many(path)[0],  # python -c looks there first
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


def _many(path):
    return path if isinstance(path, (list, tuple)) else [path]


@pytest.fixture
def announced(tmp_path):
    """Return a folder with a distribution that announces models by entry points, and its writer."""
    folder = tmp_path / "others"
    info = folder / "others-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n", "utf-8")

    def write(**texts):
        lines = ["[qiqa.models]", *(f"{name} = other_{name}" for name in texts)]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n", "utf-8")
        for name, text in texts.items():
            if text is None:
                (folder / f"other_{name}.py").unlink(missing_ok=True)
            else:
                (folder / f"other_{name}.py").write_text(text, "utf-8")

    return folder, write


@pytest.fixture
def copied(tmp_path):
    """Return the folder above a copy of the package, which may be edited."""
    shutil.copytree(PACKAGE, tmp_path / "copy" / "qiqa",
                    ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
    return tmp_path / "copy"


def test_the_next_process_compiles_nothing():
    """Counted, not timed: every kernel comes from the folder."""
    run(FIT, "t2")
    again = run(FIT, "t2")
    assert again["misses"] == 0
    assert again["hits"] == again["compiled"] == 2  # the fit, and the table of the grid
    assert again["first"] == pytest.approx(25.0, rel=1e-5)


def test_an_edited_model_is_compiled_anew(announced, tmp_path):
    """The file decides, neither its name nor its time; the old text finds its old code."""
    folder, write = announced
    where = {"path": (folder, PACKAGE.parent), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    texts = [MODEL.replace("FACTOR", factor) for factor in ("1.0", "3.0", "1.0")]
    found, file = [], folder / "other_mine.py"
    for text in texts:
        write(mine=text)
        os.utime(file, (1_700_000_000, 1_700_000_000))  # edited within one tick of the clock
        found.append(run(TABLE, "mine", **where))
    assert found[1]["table"][0] == pytest.approx(3 * found[0]["table"][0], rel=1e-12)
    assert found[2]["table"] == found[0]["table"]
    assert [f["misses"] for f in found] == [1, 1, 0]
    assert found[2]["hits"] == 1


def test_two_models_of_one_process_are_not_mixed_up(announced, tmp_path):
    folder, write = announced
    write(one=MODEL.replace("FACTOR", "1.0"), five=MODEL.replace("FACTOR", "5.0"))
    where = {"path": (folder, PACKAGE.parent), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    for order in (("one", "five"), ("five", "one")):
        table = dict(zip(order, run(TABLE, *order, **where)["table"], strict=True))
        assert table["five"] == pytest.approx(5 * table["one"], rel=1e-12)


def test_an_edited_kernel_is_compiled_anew(copied, tmp_path):
    """Also one whose own file stays as it is, where only what it is made of changes."""
    where = {"path": copied, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    before = run(FIT, "diffusion_tensor", **where)
    assert (before["status"], before["misses"]) == (1, 1)
    numbers = copied / "qiqa" / "kernels" / "status.py"
    text = numbers.read_text("utf-8")
    assert text.count("\nCONVERGED = 1\n") == 1
    numbers.write_text(text.replace("\nCONVERGED = 1\n", "\nCONVERGED = 9\n"), "utf-8")
    after = run(FIT, "diffusion_tensor", **where)
    assert (after["status"], after["misses"]) == (9, 1)
    numbers.write_text(text, "utf-8")
    again = run(FIT, "diffusion_tensor", **where)
    assert (again["status"], again["first"]) == (1, before["first"])


CHECK = """
import json, sys
import numpy as np
from qiqa.core.errors import FitError, UsageError
from qiqa.fitting import fit_arrays
from qiqa.models import MODELS
try:
    fit_arrays(np.ones((4, 2)), "mine", (10.0, 20.0, 30.0, 40.0))
    said, kind, hint = "", "", ""
except (FitError, UsageError) as error:
    said, kind, hint = error.message, type(error).__name__, str(error.hint)
angles = np.radians([40.0, 80.0])[:, None]
other = fit_arrays(900 * np.sin(angles), "b1_double_angle", (40.0, 80.0), noise_sd=None)
print(json.dumps({
    "said": said, "kind": kind, "hint": hint, "names": MODELS.names(),
    "other": float(other.estimates[0, 0, 0, 0]),
}))
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def basis(:\n", ["cannot be loaded", "SyntaxError"]),
        ("import no_such_module_anywhere\n", ["cannot be loaded", "no_such_module_anywhere"]),
        ("raise RuntimeError('on purpose')\n", ["cannot be loaded", "on purpose"]),
        ("1 / 0\n", ["cannot be loaded", "ZeroDivisionError"]),
        (None, ["cannot be loaded", "ModuleNotFoundError", "other_mine"]),
        ("", ["lacks", "TITLE", "PARAMETERS", "predict"]),
        (MODEL.replace("def basis", "def bases"), ["lacks basis"]),
        (MODEL.replace(", predict", ""), ["lacks predict"]),
        (MODEL.replace("EXAMPLE =", "SAMPLE ="), ["lacks EXAMPLE"]),
    ],
    ids=["syntax", "import", "raises", "division", "gone", "empty", "basis", "predict", "example"],
)
def test_a_broken_model_takes_no_other_down(announced, text, words):
    folder, write = announced
    write(mine=text)
    found = run(CHECK, path=(folder, PACKAGE.parent))
    assert found["kind"] == "FitError"
    for word in ("'mine'", *words):
        assert word in found["said"]
    assert found["hint"]
    assert "mine" in found["names"]
    assert "t2" in found["names"]
    assert found["other"] == pytest.approx(1.0, rel=1e-5)


def test_a_model_that_was_taken_away_is_not_asked_for(announced, tmp_path):
    """Its code still lies in the cache, among that of the others, which are found."""
    folder, write = announced
    where = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    write(mine=MODEL.replace("FACTOR", "2.0"))
    both = run(TABLE, "mine", "t2", path=(folder, PACKAGE.parent), **where)
    assert both["misses"] == 2
    shutil.rmtree(folder)
    found = run(CHECK, **where)
    assert found["kind"] == "UsageError"
    assert "'mine' is not in qiqa.models" in found["said"]
    rest = run(TABLE, "t2", **where)
    assert (rest["hits"], rest["misses"]) == (1, 0)
    assert rest["table"][0] == both["table"][1]


def test_an_entry_point_may_not_name_something_else(announced):
    folder, write = announced
    write(mine=MODEL.replace("FACTOR", "2.0"))
    info = folder / "others-1.0.dist-info" / "entry_points.txt"
    info.write_text("[qiqa.models]\nmine = other_mine:basis\n", "utf-8")
    found = run(CHECK, path=(folder, PACKAGE.parent))
    assert "entry point 'mine' of qiqa.models must name a module" in found["said"]
    assert found["other"] == pytest.approx(1.0, rel=1e-5)


def test_no_folder_for_the_cache(copied, tmp_path):
    """Files stand where every folder for the cache would be: compiled anew, the same result.

    Permissions would not do: they do not bind an administrator.
    """
    blocked = tmp_path / "blocked"
    blocked.write_text("a file in the way", encoding="utf-8")
    (copied / "qiqa" / "kernels" / "__pycache__").write_text("in the way", encoding="utf-8")
    nowhere = str(blocked / "home")
    environment = {
        "NUMBA_CACHE_DIR": str(blocked), "HOME": nowhere, "XDG_CACHE_HOME": nowhere,
        "LOCALAPPDATA": nowhere, "USERPROFILE": nowhere,
    }  # fmt: skip
    found = run(FIT, "diffusion_tensor", path=copied, **environment)
    assert found["folders"] == [None] * 4
    assert found["hits"] == 0
    assert found["first"] == pytest.approx(1e-3, rel=1e-5)


READ_ONLY = """
import json
import numpy as np
from qiqa.fitting import fit_arrays
from qiqa.kernels.tensor import fit_tensor
from qiqa.kernels.loglinear import fit_log_linear
g = np.eye(3)[[0, 1, 2, 0, 1, 2, 0, 1]]
signal = np.ones((8, 4), np.float32)
counts = []
for writeable in (True, False):
    signal.flags.writeable = writeable
    fit_arrays(signal, "diffusion_tensor", [0] + [800] * 7, directions=g, noise_sd=None)
    fit_arrays(signal, "adc_log_linear", [0] + [800] * 7, noise_sd=None)
    counts.append(len(fit_tensor.signatures) + len(fit_log_linear.signatures))
print(json.dumps(counts))
"""


def test_read_only_images_need_no_code_of_their_own():
    """What `warmup` compiles for arrays that can be written is what a series is fitted with."""
    assert run(READ_ONLY) == [2, 2]


BARE = "import sys; import qiqa; print('[' + str(int('numba' in sys.modules)) + ']')"


def test_numba_is_not_loaded_before_it_is_needed():
    assert run(BARE) == [0]
