"""How often labels without meaning are told as well: sequential Monte Carlo p values."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import QiqaError
from qiqa.metrology.held_out import Dealt, Refit, Task, auc_later, deal
from qiqa.metrology.permuting import permuted_labels

__all__ = ["Chance", "NullRefit", "Tally"]

FloatArray = NDArray[np.float64]
TextArray = NDArray[np.str_]
NullRefit = Callable[[TextArray], Refit]
"""(n,) permuted labels -> a correction, of features whose labels do not differ."""

_ENOUGH = 10
"""Permuted tables at least as high, after which p is known well enough not to be small."""


@dataclasses.dataclass(slots=True)
class Tally:
    """Permuted tables at least as high as what was reached, counted in the order of drawing.

    Drawing ends at `_ENOUGH` of them. Then p is their share of what was drawn, else (higher + 1) /
    (drawn + 1): where labels mean nothing, p is at most a with probability at most a (Besag and
    Clifford, Biometrika 1991;78:301).
    """

    reached: float
    higher: int = 0
    drawn: int = 0

    @property
    def closed(self) -> bool:
        """Whether no more tables are needed."""
        return self.higher >= _ENOUGH

    @property
    def p(self) -> float:
        """NaN where nothing was drawn."""
        if self.drawn == 0:
            return math.nan
        if self.closed:
            return self.higher / self.drawn
        return (self.higher + 1) / (self.drawn + 1)

    def add(self, value: float) -> None:
        """Count one more table, unless enough were seen."""
        if not self.closed:
            self.drawn += 1
            # A label that a fold happens to lack gives no AUC: counted against, never for.
            self.higher += int(not value < self.reached)


@dataclasses.dataclass(frozen=True, slots=True)
class Chance:
    """Everything done again with permuted labels, from the folds on."""

    values: FloatArray
    labels: TextArray
    task: Task
    folds: int
    null_refit: NullRefit | None

    def __call__(
        self,
        reached: Mapping[str, float],
        permutations: int,
        rng: np.random.Generator,
        pool: concurrent.futures.ThreadPoolExecutor,
        ahead: int,
        told: Callable[[], None],
    ) -> dict[str, Tally]:
        """Return the tally of each model.

        A table that the correction refuses (a label may get the same value throughout) is no draw.

        Parameters
        ----------
        ahead
            Tables in work at once. They are counted in the order of drawing and each draws by a
            seed of its own, so that nothing depends on how many there are.
        told
            Called after each table.
        """
        tallies = {model: Tally(value) for model, value in reached.items()}
        running: collections.deque[dict[str, Callable[[], float]]] = collections.deque()
        for seed in rng.integers(2**63, size=permutations):
            open_ones = [model for model in reached if not tallies[model].closed]
            if not open_ones:
                break
            running.append(self._begun(open_ones, int(seed), pool))
            if len(running) > ahead:
                _count(running.popleft(), tallies)
                told()
        while running and not all(one.closed for one in tallies.values()):
            _count(running.popleft(), tallies)
            told()
        return tallies

    def _begun(
        self, models: list[str], seed: int, pool: concurrent.futures.ThreadPoolExecutor
    ) -> dict[str, Callable[[], float]]:
        """Have all models trained on one permuted table; empty where the correction refuses it."""
        rng = np.random.default_rng(seed)
        try:
            dealt = self._table(rng)
        except QiqaError:
            return {}
        # Seeds by name: those of one model do not depend on which others still draw.
        seeds = {model: np.random.default_rng([seed, *model.encode()]) for model in models}
        return {model: auc_later(model, dealt, pool, seeds[model]) for model in models}

    def _table(self, rng: np.random.Generator) -> Dealt:
        task = self.task
        labels = permuted_labels(task.labels, task.groups, task.strata, rng)
        refit = None
        if self.null_refit is not None:
            named = self.labels.copy()
            named[task.rows] = task.names[labels]
            refit = self.null_refit(named)
        return deal(self.values, task, labels, self.folds, refit, rng)


def _count(table: Mapping[str, Callable[[], float]], tallies: Mapping[str, Tally]) -> None:
    for model, auc in table.items():
        if not tallies[model].closed:
            tallies[model].add(auc())
