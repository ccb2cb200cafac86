"""Plug-in files found by name without a central list and without importing them."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import importlib
import importlib.metadata
import importlib.util
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

from qiqa.core.errors import UsageError

__all__ = ["Registry"]


_LOADED: set[tuple[str, str]] = set()
"""Members of packages that were found and imported before."""


@functools.cache
def _entry_points(group: str) -> tuple[importlib.metadata.EntryPoint, ...]:
    """Return what other distributions announce; reading their metadata is slow, so once."""
    return tuple(importlib.metadata.entry_points(group=group))


@functools.lru_cache(maxsize=256)
def _modules(folder: str, changed: int) -> tuple[str, ...]:  # noqa: ARG001
    """Return the modules in a folder; listed once as long as nothing in it is new or gone."""
    return tuple(module.name for module in pkgutil.iter_modules([folder]))


def _changed(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:  # in an archive
        return 0


@dataclasses.dataclass(frozen=True, slots=True)
class Registry:
    """The modules of one package, plus those that other distributions announce.

    A module is a member if its name does not begin with an underscore. Third parties add one by
    an entry point in the group of the package's name, for instance
    `[project.entry-points."qiqa.measure"]`.
    """

    package: str
    exclude: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Return the names of all members, sorted; imports none of them."""
        spec = importlib.util.find_spec(self.package)
        paths = list(spec.submodule_search_locations or []) if spec else []
        found = [name for path in paths for name in _modules(path, _changed(path))]
        own = {name for name in found if not name.startswith("_")}
        foreign = {entry.name for entry in _entry_points(self.package)}
        return tuple(sorted((own | foreign) - set(self.exclude)))

    def load(self, name: str) -> ModuleType:
        """Import and return one member.

        Raises
        ------
        UsageError
            If there is none of that name; the message gives the nearest one.
        """
        whole = f"{self.package}.{name}"
        if (self.package, name) in _LOADED and whole in sys.modules:
            return sys.modules[whole]  # to list the folder again costs more than many a fit
        names = self.names()
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else None
            raise UsageError(
                f"{name!r} is not in {self.package}; there are {', '.join(names)}", hint=hint
            )
        for entry in _entry_points(self.package):
            if entry.name == name:
                module = entry.load()
                if not isinstance(module, ModuleType):
                    raise UsageError(f"entry point {name!r} of {self.package} must name a module")
                return module
        module = importlib.import_module(whole)
        _LOADED.add((self.package, name))
        return module
