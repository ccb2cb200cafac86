"""ComBat in a scikit-learn pipeline: learned in every fold anew, from training rows alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.harmonize.combat import apply, fit
from qiqa.harmonize.combat.transformer import CombatTransformer


@pytest.fixture
def frame(make):
    pandas = pytest.importorskip("pandas")
    table = make().table
    frame = pandas.DataFrame(table.values, columns=list(table.features), index=table.row)
    frame.insert(3, "scanner", table.batch)
    return frame.assign(age=table.covariates["age"], sex=table.covariates["sex"])


def step(**settings):
    return CombatTransformer(batch="scanner", covariates=("age", "sex"), **settings)


def test_a_frame_an_array_and_a_table_are_the_same(make, frame):
    table = make().table
    expected = apply(fit(table), table)[0].values
    made = step()
    got = made.fit_transform(frame)
    assert np.array_equal(got, expected)
    assert made.get_feature_names_out().tolist() == list(table.features)
    assert made.n_features_in_ == 23
    assert made.model_.batch_name == "scanner"
    array = np.column_stack(
        [np.searchsorted(["A", "B", "C"], table.batch), table.values, table.covariates["age"]]
    )
    sex = (table.covariates["sex"] == "M").astype(float)
    numbers = CombatTransformer(batch=0, covariates=(-2, -1))
    assert np.allclose(numbers.fit_transform(np.column_stack([array, sex])), expected, atol=1e-11)
    assert numbers.model_.batches == ("0", "1", "2")
    assert np.array_equal(step().fit_transform(table).values, expected)


def test_components_are_corrected_when_asked_for(frame):
    made = step(components=0.8).fit(frame)
    assert made.model_.scores.share > 0.8
    with pytest.raises(UsageError, match="mean_only"):
        step(components=0.8, mean_only=True).fit(frame)


def test_held_out_rows_alone_are_as_among_others(frame):
    made = step().fit(frame.iloc[::2])
    held = frame.iloc[1::2]
    whole = made.transform(held)
    assert np.array_equal(made.transform(held.iloc[[4]])[0], whole[4])


def test_as_scikit_learn_expects(frame):
    base = pytest.importorskip("sklearn.base")
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.utils.validation import check_is_fitted

    made = step(by="none")
    twin = base.clone(made)
    assert twin.get_params() == made.get_params()
    assert twin is not made
    assert not hasattr(base.clone(made.fit(frame)), "model_")
    check_is_fitted(made)
    pipeline = make_pipeline(step(), StandardScaler(), LogisticRegression())
    target = (frame["f0"].to_numpy() + frame["f1"].to_numpy() > 200).astype(int)
    groups = np.arange(len(frame)) // 3
    scores = cross_val_score(pipeline, frame, target, groups=groups, cv=GroupKFold(4))
    assert scores.min() > 0.6
    search = GridSearchCV(
        pipeline, {"combattransformer__by": ["parametric", "none"]}, cv=GroupKFold(3)
    )
    search.fit(frame, target, groups=groups)
    assert search.best_params_["combattransformer__by"] in {"parametric", "none"}


def test_a_fold_learns_nothing_from_the_rows_it_is_judged_on(frame):
    base = pytest.importorskip("sklearn.base")
    from sklearn.model_selection import GroupKFold

    groups = np.arange(len(frame)) // 3
    train, test = next(GroupKFold(4).split(frame, groups=groups))
    spoiled = frame.copy()
    spoiled.iloc[test, 0] = 1e6
    one, other = (base.clone(step()).fit(f.iloc[train]) for f in (frame, spoiled))
    assert np.array_equal(one.transform(frame.iloc[test]), other.transform(frame.iloc[test]))


def test_settings(frame):
    with pytest.raises(ValueError, match="'ways' is not a setting"):
        step().set_params(ways=3)
    made = step().set_params(by="none", mean_only=True).fit(frame)
    assert made.model_.draw.mean_only
    assert "by='none'" in repr(made)
    with pytest.raises(UsageError, match="call fit first"):
        step().transform(frame)
    with pytest.raises(UsageError, match="no column 'site'"):
        CombatTransformer(batch="site").fit(frame)
    with pytest.raises(UsageError, match="sex"):
        CombatTransformer(batch="scanner", covariates=["age"]).fit(frame)
    with pytest.raises(UsageError, match="numbers from 0 to 4"):
        CombatTransformer(batch=7).fit(np.ones((6, 5)))


def test_the_class_is_there_without_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from qiqa.harmonize.combat.transformer import CombatTransformer\n"
        "assert CombatTransformer(batch='a').get_params()['batch'] == 'a'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
