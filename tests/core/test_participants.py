"""Values of participants: columns of one length, some of them, and a table of features."""

import numpy as np
import pytest

from qiqa.core.errors import UsageError
from qiqa.core.participants import ParticipantValues


def values(**changed):
    """Return two scans of one person and one of another, with two quantities, one missing."""
    rows = ["b 1", "b 1", "a 1", "b 2", "b 2"]
    n = len(rows)
    columns = {
        "participant": np.array([row[0] for row in rows]),
        "visit": np.array([int(row[2]) for row in rows]),
        "arm": np.array(["treated", "treated", "control", "treated", "treated"]),
        "scanner": np.array(["s2", "s2", "s1", "s3", "s3"]),
        "site": np.array(["t2", "t2", "t1", "t2", "t2"]),
        "vendor": np.full(n, "v"),
        "epoch": np.full(n, "1.0"),
        "row": np.array(rows),
        "at": np.full(n, np.datetime64("2026-01-05T09:00:00")),
        "name": np.array(["size", "adc", "adc", "size", "adc"]),
        "quantity": np.array(["length", "adc", "adc", "length", "adc"]),
        "unit": np.array(["mm", "mm²/s", "mm²/s", "mm", "mm²/s"]),
        "value": np.array([20.0, 1.1, 1.3, 18.0, 1.2]),
        "standard_uncertainty": np.full(n, 0.1),
        "true_value": np.array([21.0, 1.0, 1.4, 19.0, 1.5]),
        "position_mm": np.zeros((n, 3)),
        "covariates": {"age_years": np.array([50.0, 50.0, 61.0, 50.0, 50.0])},
    }
    return ParticipantValues(**{**columns, **changed})


def test_a_table_has_a_row_a_scan_and_a_column_a_name_as_they_first_come():
    table = values().feature_table(covariates=("age_years", "visit", "arm"))
    assert table.features == ("size", "adc")
    assert table.row.tolist() == ["b 1", "a 1", "b 2"]
    assert np.array_equal(table.values, [[20.0, 1.1], [np.nan, 1.3], [18.0, 1.2]], equal_nan=True)
    assert table.batch.tolist() == ["s2", "s1", "s3"]
    assert table.subject.tolist() == ["b", "a", "b"]
    assert table.covariates["age_years"].tolist() == [50.0, 61.0, 50.0]
    assert table.covariates["visit"].tolist() == [1.0, 1.0, 2.0]
    assert table.covariates["arm"].tolist() == ["treated", "control", "treated"]
    assert table.batch_name == "scanner"


def test_true_values_and_other_batches_can_be_asked_for():
    table = values().feature_table(batch="site", of="true_value")
    assert table.batch.tolist() == ["t2", "t1", "t2"]
    assert table.values[:, 1].tolist() == [1.0, 1.4, 1.5]
    assert table.covariates == {}


def test_some_are_taken_with_their_covariates():
    some = values().take(np.array([4, 2]))
    assert len(some) == 2
    assert some.value.tolist() == [1.2, 1.3]
    assert some.position_mm.shape == (2, 3)
    assert some.covariates["age_years"].tolist() == [50.0, 61.0]
    assert len(values().take(values().name == "adc")) == 3
    assert values().take(np.zeros(5, dtype=bool)).feature_table().values.shape == (0, 0)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"value": np.zeros(4)}, "'value': 4"),
        ({"covariates": {"age_years": np.zeros(2)}}, "'age_years': 2"),
        ({"position_mm": np.zeros((5, 2))}, r"position_mm is \(5, 2\), not \(5, 3\)"),
    ],
)
def test_columns_that_do_not_fit_are_refused(changed, said):
    with pytest.raises(ValueError, match=said):
        values(**changed)


def test_what_is_not_there_is_named():
    with pytest.raises(UsageError, match="'machine' is no column of batches") as refused:
        values().feature_table(batch="machine")
    assert "scanner" in refused.value.hint
    with pytest.raises(UsageError, match="'age' is no covariate") as refused:
        values().feature_table(covariates=("age",))
    assert "age_years" in refused.value.hint


def test_two_values_for_one_cell_are_refused():
    names = np.array(["adc", "adc", "adc", "size", "adc"])
    with pytest.raises(UsageError, match="'b 1' has two values of 'adc'"):
        values(name=names).feature_table()
