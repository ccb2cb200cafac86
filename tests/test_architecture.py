"""The house keeps its shape: arrows between rooms, sizes, docstrings, light imports.

The rooms and the ways imports may run are one table here. A new room or a new third-party library
fails until it is given a place in it, which is the moment to think about where it belongs.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import io
import subprocess
import sys
import textwrap
import tokenize
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "qiqa"
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

_BASE = {"core", "kernels"}
_FLOOR = {*_BASE, "models", "metrology", "geometry"}
_ANALYSIS = {*_FLOOR, "locate", "measure", "assess", "fitting"}
_ROOMS = {*_ANALYSIS, "io", "store", "report", "simulate", "drift", "harmonize", "vetting"}

ARROWS: dict[str, set[str]] = {
    "core": set(),
    "kernels": set(),  # arrays in, arrays out: knows no qiqa type
    "geometry": _BASE,
    "metrology": _BASE,
    "models": _BASE,
    "fitting": _FLOOR,
    "locate": _FLOOR,
    "measure": _FLOOR,
    "assess": _FLOOR,
    "io": {*_BASE, "geometry"},  # kernels: headers by the million (decisions/header-scan.md)
    "store": {"core", "geometry"},
    "report": {"core", "geometry"},
    # Shares no code with what it is there to check.
    "simulate": {"core"},
    "drift": _ANALYSIS,
    "harmonize": _ANALYSIS,
    "vetting": _ANALYSIS,
    "workflows": _ROOMS,
    "cli": {*_ROOMS, "workflows", "server"},
    "server": {*_ROOMS, "workflows"},
    "": {*_ROOMS, "workflows"},  # qiqa/__init__.py, the public face
}
"""Room -> rooms it may import, besides itself."""

_NUMERIC = {*ARROWS} - {"core", "io", "store", "report", "cli", "server", ""}
THIRD_PARTY: dict[str, tuple[str, set[str]]] = {
    "numpy": ("numpy", {*ARROWS}),
    "scipy": ("scipy", _NUMERIC),
    "skimage": ("scikit-image", {"geometry", "locate", "measure"}),
    # simulate may not use kernels: it would share code with what it checks.
    "numba": ("numba", {"kernels", "models", "simulate"}),
    "llvmlite": ("numba", {"kernels", "models"}),
    "pydicom": ("pydicom", {"io"}),
    "nibabel": ("nibabel", {"io"}),
    "gdcm": ("python-gdcm", {"io"}),
    "pylibjpeg": ("pylibjpeg", {"io"}),
    "openjpeg": ("pylibjpeg-openjpeg", {"io"}),
    "ruptures": ("ruptures", {"drift"}),
    "sklearn": ("scikit-learn", {"metrology"}),
    "distributed": ("distributed", {"workflows"}),
    "pyarrow": ("pyarrow", {"io"}),
    "xlrd": ("xlrd", {"io"}),
    "openpyxl": ("openpyxl", {"io"}),
    "matplotlib": ("matplotlib", {"report"}),
    "jinja2": ("jinja2", {"report", "server"}),
    "markupsafe": ("jinja2", {"report", "server"}),
    "sqlalchemy": ("sqlalchemy", {"store"}),
    "alembic": ("alembic", {"store"}),
    "psycopg": ("psycopg", {"store"}),
    "rich": ("rich", {"cli"}),
    "platformdirs": ("platformdirs", {"cli", "server", "workflows", "store", "kernels"}),
}
"""Import name -> distribution in pyproject.toml that brings it, rooms that may import it."""

HEAVY = ("numba", "scipy", "matplotlib", "pydicom", "nibabel", "sqlalchemy", "alembic", "skimage")


@dataclasses.dataclass(frozen=True, slots=True)
class Source:
    """One parsed file of the package."""

    path: str
    """Below the folder that holds the package, with forward slashes."""
    text: str
    tree: ast.Module

    @property
    def module(self) -> tuple[str, ...]:
        """Dotted name in parts; a package's own name for its __init__."""
        parts = self.path.removesuffix(".py").split("/")
        return tuple(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def package(self) -> tuple[str, ...]:
        """The package that relative imports start from."""
        return tuple(self.path.split("/")[:-1])

    @property
    def room(self) -> str:
        """First folder inside the package; '' for its __init__, `cli` for its __main__."""
        parts = self.path.split("/")
        if len(parts) > 2:
            return parts[1]
        return {"__init__.py": "", "__main__.py": "cli"}.get(parts[1], parts[1])


def read(package: Path) -> list[Source]:
    """Parse every Python file of a package folder."""
    files = sorted(p for p in package.rglob("*.py") if "__pycache__" not in p.parts)
    texts = [(p.relative_to(package.parent).as_posix(), p.read_text("utf-8")) for p in files]
    return [Source(name, text, ast.parse(text, name)) for name, text in texts]


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of everything imported, wherever it stands in the file.

    `from a import b` yields `a.b`: whether b is a module or a name in one, its room is the same.
    """
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = source.package[: len(source.package) - node.level + 1] if node.level else ()
            base = ".".join([*up, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node).endswith(("import_module", "__import__")):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


def _called(node: ast.Call) -> str:
    return ast.unparse(node.func)


def wrong_arrows(sources: list[Source]) -> Iterator[str]:
    """Rooms import only from rooms below them."""
    name = sources[0].path.split("/")[0]
    rooms = {source.room for source in sources}
    for room in sorted(rooms - set(ARROWS)):
        yield f"{name}/{room}: a room without a place in ARROWS"
    for source in sources:
        for line, target in imports(source):
            parts = target.split(".")
            # The version stands at the top; `import qiqa` alone brings no room along.
            if parts[0] != name or target in (name, f"{name}.__version__"):
                continue
            room = parts[1] if len(parts) > 1 else ""
            room = room if room in rooms else ""
            if room != source.room and room not in ARROWS.get(source.room, set()):
                yield f"{source.path}:{line}: {source.room or name} may not import {target}"


def wrong_libraries(sources: list[Source]) -> Iterator[str]:
    """Each third-party library has its room; core stands on numpy and the standard library."""
    name = sources[0].path.split("/")[0]
    for source in sources:
        for line, target in imports(source):
            top = target.split(".")[0]
            if top == name or top in sys.stdlib_module_names:
                continue
            _, rooms = THIRD_PARTY.get(top, ("", set()))
            if top not in THIRD_PARTY:
                yield f"{source.path}:{line}: {top} has no place in THIRD_PARTY"
            elif source.room not in rooms:
                where = ", ".join(sorted(room or name for room in rooms))
                yield f"{source.path}:{line}: {top} may be imported in {where} only"


def prints_or_exits(sources: list[Source]) -> Iterator[str]:
    """Only cli talks to the terminal or ends the process."""
    banned_calls = {"print", "input", "exit", "quit", "sys.exit", "os._exit", "os.abort"}
    banned_names = {"SystemExit", "sys.stdout", "sys.stderr"}
    for source in sources:
        if source.room == "cli":
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and _called(node) in banned_calls:
                yield f"{source.path}:{node.lineno}: {_called(node)}() outside cli"
            elif isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in banned_names:
                yield f"{source.path}:{node.lineno}: {ast.unparse(node)} outside cli"


def unnamed_encodings(sources: list[Source]) -> Iterator[str]:
    """Text files are read and written in a named encoding, so that Windows does the same."""
    for source in sources:
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.Call):
                continue
            called = _called(node)
            keywords = {keyword.arg for keyword in node.keywords}
            modes = [k.value for k in node.keywords if k.arg == "mode"] + node.args[1:2]
            binary = any(isinstance(m, ast.Constant) and "b" in str(m.value) for m in modes)
            bare = (
                (called == "open" and not binary and len(node.args) < 4)
                or (called.endswith(".read_text") and len(node.args) < 1)
                or (called.endswith(".write_text") and len(node.args) < 2)
            )
            if bare and "encoding" not in keywords:
                yield f"{source.path}:{node.lineno}: {called}() without encoding="


def _code_lines(text: str) -> set[int]:
    """Return the numbers of lines that hold more than blanks and comments."""
    silent = {
        tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
        tokenize.ENDMARKER,
    }  # fmt: skip
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in silent:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines


def too_long(sources: list[Source]) -> Iterator[str]:
    """Files and functions stay small enough to hold one idea."""
    for source in sources:
        lines = source.text.count("\n")
        if lines > MAX_FILE_LINES:
            yield f"{source.path}: {lines} lines, at most {MAX_FILE_LINES}"
        code = _code_lines(source.text)
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            # The body: a command's options stand in its signature and are not its length.
            inside = set(range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1))
            if ast.get_docstring(node, clean=False) is not None:
                first = node.body[0]
                inside -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
            count = len(code & inside)
            if count > MAX_FUNCTION_LINES:
                where = f"{source.path}:{node.lineno}: {node.name}"
                yield f"{where} has {count} code lines, at most {MAX_FUNCTION_LINES}"


def undocumented(sources: list[Source]) -> Iterator[str]:
    """Every public module, class, function and method has a docstring."""

    def walk(source: Source, body: list[ast.stmt], prefix: str) -> Iterator[str]:
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            overloads = [ast.unparse(d).rpartition(".")[2] for d in node.decorator_list]
            if node.name.startswith("_") or "overload" in overloads or "setter" in overloads:
                continue
            if ast.get_docstring(node) is None:
                yield f"{source.path}:{node.lineno}: {prefix}{node.name} has no docstring"
            if isinstance(node, ast.ClassDef):
                yield from walk(source, node.body, f"{prefix}{node.name}.")

    for source in sources:
        if "/migrations/" in source.path:  # Alembic names upgrade and downgrade
            continue
        if ast.get_docstring(source.tree) is None:
            yield f"{source.path}: the module has no docstring"
        if not any(part.startswith("_") and part != "__main__" for part in source.module):
            yield from walk(source, source.tree.body, "")


def grab_bags(sources: list[Source]) -> Iterator[str]:
    """No file is named for holding what found no other place."""
    names = {"utils", "util", "helpers", "helper", "misc", "common", "tools"}
    for source in sources:
        if source.module[-1].lstrip("_") in names:
            yield f"{source.path}: name it for the one thing it holds"


CHECKS = [
    wrong_arrows,
    wrong_libraries,
    prints_or_exits,
    unnamed_encodings,
    too_long,
    undocumented,
    grab_bags,
]


@functools.cache
def own_sources() -> tuple[Source, ...]:
    return tuple(read(PACKAGE))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_package_keeps(check: Callable[[list[Source]], Iterator[str]]):
    offenders = sorted(set(check(list(own_sources()))))
    assert not offenders, f"{check.__doc__}\n" + "\n".join(offenders)


def test_libraries_in_the_table_are_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    lines = [line for group in groups for line in group]
    declared = {line.split("[")[0].split(">")[0].strip() for line in lines}
    assert {distribution for distribution, _ in THIRD_PARTY.values()} <= declared


LONG_FUNCTION = "def f():\n    '''Long.'''\n" + "    x = 1\n\n    # note\n" * 61
BAD: dict[str, tuple[Callable[[list[Source]], Iterator[str]], str, str, str]] = {
    "upward": (wrong_arrows, "core/a.py", "import qiqa.io.b", "core may not import qiqa.io.b"),
    "relative": (wrong_arrows, "report/a.py", "from ..measure import b", "report may not import"),
    "from root": (wrong_arrows, "simulate/a.py", "from qiqa import geometry", "simulate may not"),
    "hidden": (
        wrong_arrows,
        "geometry/a.py",
        "import importlib\ndef f():\n    importlib.import_module('qiqa.locate.b')",
        "geometry may not import qiqa.locate.b",
    ),
    "sideways": (
        wrong_arrows,
        "locate/a.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from qiqa.measure.b import c",
        "locate may not import",
    ),
    "new room": (wrong_arrows, "attic/a.py", "", "a room without a place"),
    "kernels": (wrong_arrows, "kernels/a.py", "from qiqa.core.b import c", "kernels may not"),
    "reader": (wrong_libraries, "measure/a.py", "import pydicom.uid", "in io only"),
    "drawing": (wrong_libraries, "io/a.py", "from matplotlib import pyplot", "in report only"),
    "scipy": (wrong_libraries, "core/a.py", "def f():\n    import scipy", "scipy may be imported"),
    "unknown": (wrong_libraries, "io/a.py", "import pandas", "pandas has no place"),
    "print": (prints_or_exits, "io/a.py", "print(1)", "print() outside cli"),
    "exit": (prints_or_exits, "workflows/a.py", "import sys\nsys.exit(1)", "sys.exit()"),
    "raise": (prints_or_exits, "io/a.py", "raise SystemExit(1)", "SystemExit outside cli"),
    "stderr": (prints_or_exits, "io/a.py", "import sys\nf = sys.stderr.write", "sys.stderr"),
    "open": (unnamed_encodings, "io/a.py", "open('x')", "open() without encoding="),
    "text": (unnamed_encodings, "io/a.py", "p.write_text('x')", "without encoding="),
    "file": (too_long, "io/a.py", "x = 1\n" * 401, "401 lines"),
    "function": (too_long, "io/a.py", LONG_FUNCTION, "61 code lines"),
    "docstring": (undocumented, "io/a.py", "'''M.'''\ndef f(): pass", "f has no docstring"),
    "method": (undocumented, "io/a.py", "class A:\n  '''A.'''\n  def f(self): 1", "A.f has no"),
    "module": (undocumented, "io/a.py", "", "the module has no docstring"),
    "grab bag": (grab_bags, "io/_utils.py", "", "name it for"),
}


@pytest.mark.parametrize("case", BAD)
def test_each_check_can_fail(tmp_path, case):
    check, name, text, expected = BAD[case]
    package = tmp_path / "qiqa"
    for room in ("io", "measure", "geometry", "locate", "core"):
        (package / room).mkdir(parents=True)
        (package / room / "__init__.py").write_text('"""Fine."""\n', encoding="utf-8")
    assert not list(check(read(package)))
    bad = package / name
    bad.parent.mkdir(exist_ok=True)
    bad.write_text(text, encoding="utf-8")
    offenders = list(check(read(package)))
    assert any(expected in line and name.split("/")[0] in line for line in offenders), offenders


def loaded_by(module: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after one import."""
    code = f"""
        import sys
        before = set(sys.modules)
        import {module}
        print(*sorted({{name.partition('.')[0] for name in set(sys.modules) - before}}))
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["qiqa", "qiqa.core", "qiqa.cli"])
def test_importing_is_light(module):
    if not (ROOT / Path(*module.split("."))).is_dir():
        pytest.skip(f"{module} does not exist yet")
    heavy = loaded_by(module) & set(HEAVY)
    assert not heavy, f"import {module} loads {', '.join(sorted(heavy))}"


def test_the_import_probe_sees_what_is_loaded():
    assert "pydicom" in loaded_by("pydicom")
