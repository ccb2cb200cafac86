"""Workers of a Dask cluster; all of them see the same files under the same paths."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from qiqa.core.errors import UsageError
from qiqa.workflows.executing import Failed

__all__ = ["Cluster"]

_WAIT_S = 10
# its types are stated in part only
_distributed: Any = importlib.import_module("distributed")


class Cluster:
    """Workers behind one scheduler. One that dies is made up for by the others."""

    def __init__(self, address: str) -> None:
        try:
            self.client = _distributed.Client(address, timeout=_WAIT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"no Dask scheduler answers: {error}",
                where=address,
                hint="start one with: dask scheduler; and workers with: dask worker tcp://...",
            ) from error

    def run(
        self, function: Callable[[Any], Any], items: Iterable[Any]
    ) -> Iterator[tuple[Any, Any]]:
        """Yield each item with its result, or with `Failed`."""
        left = iter(items)
        pending: dict[str, Any] = {}
        done = _distributed.as_completed([], loop=self.client.loop)
        for item in itertools.islice(left, self._ahead()):
            self._submit(function, item, pending, done)
        for future in done:
            item = pending.pop(future.key)
            result = self._result(future, item)
            for following in itertools.islice(left, 1):
                self._submit(function, following, pending, done)
            yield item, result

    def _ahead(self) -> int:
        return max(8, 4 * len(self.client.nthreads()))

    def _submit(
        self,
        function: Callable[[Any], Any],
        item: Any,
        pending: dict[str, Any],
        done: Any,
    ) -> None:
        # pure=False: every piece has a key of its own
        future = self.client.submit(function, item, pure=False, retries=2)
        pending[future.key] = item
        done.add(future)

    @staticmethod
    def _result(future: Any, item: Any) -> Any:
        try:
            return future.result()
        except _distributed.KilledWorker:
            return Failed(item, "every worker that worked on it died")
