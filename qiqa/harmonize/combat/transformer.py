"""ComBat as a step of a scikit-learn pipeline, fitted anew in every fold.

The class follows scikit-learn's conventions without importing it, so that it can be defined where
that is not installed.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qiqa.core.errors import UsageError
from qiqa.core.features import FeatureTable
from qiqa.core.trial import Flag
from qiqa.harmonize.combat.correcting import apply, fit
from qiqa.harmonize.combat.covbat import fit_covbat
from qiqa.harmonize.combat.design import few
from qiqa.harmonize.combat.model import CombatModel

__all__ = ["CombatTransformer"]


class CombatTransformer:
    """Learn shifts and scales of batches from training rows; take them off these or others.

    Rows come as a `FeatureTable`, or as a table with a column for the batch and one a covariate:
    by name in a data frame, by number in an array. All other columns are features. What comes out
    of a table has the features alone, (n, p), so that neither batch nor covariates reach the next
    step. The target is never looked at.

    Parameters
    ----------
    batch
        Column of the batch.
    covariates
        Columns of what is kept.
    by, mean_only, reference, smooth
        As in `qiqa.harmonize.combat.fit`.
    components
        Share of the variance in whose principal components batches are corrected as well (CovBat);
        None: features only.

    Attributes
    ----------
    model_ : CombatModel
    flags_ : tuple of Flag
        Of the last rows transformed.
    n_features_in_ : int
    feature_names_in_ : array
        Where columns have names.
    """

    model_: CombatModel
    flags_: tuple[Flag, ...]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    def __init__(
        self,
        batch: str | int = "batch",
        covariates: Sequence[str | int] = (),
        by: str = "parametric",
        mean_only: bool = False,
        reference: str = "",
        smooth: Sequence[str] = (),
        components: float | None = None,
    ) -> None:
        self.batch = batch
        self.covariates = covariates
        self.by = by
        self.mean_only = mean_only
        self.reference = reference
        self.smooth = smooth
        self.components = components

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - of the convention
        """Return the settings by name."""
        names = list(inspect.signature(type(self).__init__).parameters)[1:]
        return {name: getattr(self, name) for name in names}

    def set_params(self, **settings: Any) -> CombatTransformer:
        """Change settings by name.

        Raises
        ------
        ValueError
            For a name that is none.
        """
        known = self.get_params()
        for name, value in settings.items():
            if name not in known:
                raise ValueError(f"{name!r} is not a setting; those are {', '.join(known)}")
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        return f"{type(self).__name__}({shown})"

    def __sklearn_tags__(self) -> Any:
        # only scikit-learn asks, and by then it is loaded
        made = sys.modules["sklearn.utils"]
        return made.Tags(
            estimator_type=None,
            target_tags=made.TargetTags(required=False),
            transformer_tags=made.TransformerTags(),
            input_tags=made.InputTags(string=True, allow_nan=True),
        )

    def fit(self, X: Any, y: Any = None) -> CombatTransformer:  # noqa: N803, ARG002
        """Learn from rows; `y` is not looked at.

        Raises
        ------
        UsageError, FitError
            As `qiqa.harmonize.combat.fit`; for columns that are not there.
        """
        table = self._table(X)
        if self.components is None:
            self.model_ = fit(
                table,
                by=self.by,
                mean_only=self.mean_only,
                reference=self.reference,
                smooth=self.smooth,
            )
        elif self.mean_only:
            raise UsageError("components are corrected in scale too", where="mean_only")
        else:
            self.model_ = fit_covbat(
                table,
                by=self.by,
                reference=self.reference,
                smooth=self.smooth,
                share=self.components,
            )
        if not isinstance(X, FeatureTable):
            self.n_features_in_ = np.shape(X)[1]
            if hasattr(X, "columns"):
                self.feature_names_in_ = np.array([str(name) for name in X.columns], dtype=object)
        return self

    def transform(self, X: Any) -> Any:  # noqa: N803
        """Return features (n, p) without shift and scale of their batches.

        A `FeatureTable` comes back as one.

        Raises
        ------
        UsageError
            As `qiqa.harmonize.combat.apply`; where nothing was learned yet.
        """
        if not hasattr(self, "model_"):
            raise UsageError("nothing was learned yet", where="transform", hint="call fit first")
        table, self.flags_ = apply(self.model_, self._table(X))
        return table if isinstance(X, FeatureTable) else table.values

    def fit_transform(self, X: Any, y: Any = None) -> Any:  # noqa: N803
        """Learn from rows and return them corrected."""
        return self.fit(X, y).transform(X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:  # noqa: ARG002
        """Return the names of the columns that come out."""
        return np.array(self.model_.features, dtype=object)

    def _table(self, given: Any) -> FeatureTable:
        if isinstance(given, FeatureTable):
            return given
        named = hasattr(given, "columns")
        names = [str(name) for name in given.columns] if named else []
        cells = given if named else np.asarray(given)
        if not named and cells.ndim != 2:
            raise UsageError(f"{cells.ndim} dimensions; rows and columns are needed", where="X")
        width = len(names) if named else cells.shape[1]
        asked = [self._place(column, names, width) for column in (self.batch, *self.covariates)]

        def column(place: int) -> NDArray[Any]:
            return np.asarray(given.iloc[:, place] if named else cells[:, place])

        chosen = [place for place in range(width) if place not in asked]
        label = [str(names[place]) if named else str(place) for place in range(width)]
        values = np.empty((len(cells), len(chosen)))
        for into, place in enumerate(chosen):
            try:
                values[:, into] = column(place).astype(np.float64)
            except (TypeError, ValueError) as error:
                raise UsageError(
                    f"a feature is not a number ({error})",
                    where=label[place],
                    hint="name it as batch or covariate, or leave it out",
                ) from error
        row = np.array([str(name) for name in (given.index if named else range(len(cells)))])
        return FeatureTable(
            features=tuple(label[place] for place in chosen),
            values=values,
            batch=_texts(column(asked[0])),
            row=row,
            subject=row,
            covariates={label[place]: _covariate(column(place)) for place in asked[1:]},
            batch_name=label[asked[0]] if named else "batch",
        )

    @staticmethod
    def _place(column: str | int, names: Sequence[str], width: int) -> int:
        """Return the number of a column, refusing one that is not there."""
        if isinstance(column, str) and column in names:
            return names.index(column)
        if isinstance(column, int | np.integer) and not names and -width <= column < width:
            return int(column) % width
        there = few(names) if names else f"numbers from 0 to {width - 1}"
        raise UsageError(f"no column {column!r}; there are {there}", where="X")


def _text(value: Any) -> str:
    """Return a batch or level as text: whole numbers without a point, unknown ones empty."""
    if value is None or value != value:  # noqa: PLR0124 - NaN of any kind
        return ""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _texts(column: NDArray[Any]) -> NDArray[np.str_]:
    return np.array([_text(value) for value in column.tolist()], dtype=np.str_)


def _covariate(column: NDArray[Any]) -> NDArray[Any]:
    """Return numbers as such, anything else as texts."""
    try:
        return column.astype(np.float64)
    except (TypeError, ValueError):
        return _texts(column)
