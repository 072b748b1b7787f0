"""TableEncoder: scikit-learn's contract, hostile columns, state, and fuzzed tables."""

import datetime
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.utils.estimator_checks import check_estimator

from neurarium.data import read_table
from neurarium.estimators import TableEncoder


def one_column(values, **kwargs):
    return pd.DataFrame({"c": pd.Series(values, **kwargs)})


def test_check_estimator():
    results = check_estimator(TableEncoder(), on_fail=None, on_skip=None)
    assert [r for r in results if r["status"] not in ("passed", "skipped")] == []


def test_numbers_are_standardised_over_observed_training_cells():
    table = one_column([1.0, np.nan, 2.0, 6.0])
    values, missing = TableEncoder().fit(table).encode(table)
    observed = np.array([1.0, 2.0, 6.0])
    expected = (observed - observed.mean()) / observed.std(ddof=1)
    np.testing.assert_allclose(values[[0, 2, 3], 0], expected, rtol=1e-6)
    assert values[1, 0] == 0
    assert missing[:, 0].tolist() == [False, True, False, False]
    assert values.dtype == np.float32


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["b", None, "a"]),
        pd.Series(["b", None, "a"], dtype="string"),
        pd.Series(["b", np.nan, "a"], dtype=object),
        pd.Series(["b", None, "a"], dtype="category"),
        pd.Series(pd.Categorical(["b", None, "a"], categories=["z", "b", "a"])),
    ],
    ids=["str", "string", "object", "category", "unused category"],
)
def test_every_way_to_store_text(values):
    encoder = TableEncoder().fit(pd.DataFrame({"c": values}))
    assert encoder.categories_ == (("a", "b"),)
    encoded, missing = encoder.encode(pd.DataFrame({"c": values}))
    assert encoded.tolist() == [[0, 1], [0, 0], [1, 0]]
    assert missing[:, 0].tolist() == [False, True, False]


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([1, None, 3], dtype="Int64"),
        pd.Series([1, None, 3], dtype="Float64"),
        pd.Series([1, None, 3], dtype=object),
        pd.Series([np.int8(1), pd.NA, 3.0], dtype=object),
    ],
    ids=["Int64", "Float64", "object", "mixed number types"],
)
def test_every_way_to_store_numbers(values):
    table = pd.DataFrame({"c": values})
    encoder = TableEncoder().fit(table)
    assert encoder.discrete_ == (False,)
    np.testing.assert_allclose(encoder.transform(table)[:, 0], [-(0.5**0.5), 0, 0.5**0.5])


@pytest.mark.parametrize("dtype", [bool, "boolean", object])
def test_booleans_are_discrete(dtype):
    table = one_column([True, False, True], dtype=dtype)
    encoder = TableEncoder().fit(table)
    assert encoder.categories_ == ((False, True),)
    assert encoder.transform(table).tolist() == [[0, 1], [1, 0], [0, 1]]


def test_integers_are_numbers_unless_named():
    table = pd.DataFrame({"a": [1, 2, 1], "b": [3, 3, 5]})
    assert TableEncoder().fit(table).discrete_ == (False, False)
    for chosen in (["b"], [1], np.array([1]), ("b",), pd.Index(["b"])):
        encoder = TableEncoder(categorical_features=chosen).fit(table)
        assert encoder.discrete_ == (False, True)
        assert encoder.categories_[1] == (3.0, 5.0)


def test_naming_columns_leaves_no_other_discrete():
    table = pd.DataFrame({"a": [True, False], "b": ["x", "y"]})
    assert TableEncoder(categorical_features=["b"]).fit(table).discrete_ == (False, True)
    with pytest.raises(ValueError, match="column 'b' must hold numbers: got 'x'"):
        TableEncoder(categorical_features=["a"]).fit(table)


@pytest.mark.parametrize(
    ("chosen", "error", "message"),
    [
        ("all", ValueError, '"auto" or a list'),
        (3, TypeError, "got int"),
        (["d"], ValueError, "got 'd'; X has 'a', 'b'"),
        ([2], ValueError, r"0 … 1: got 2"),
        ([-1], ValueError, r"got -1"),
        ([True], TypeError, "got True"),
        ([1.5], TypeError, "got 1.5"),
    ],
)
def test_bad_categorical_features(chosen, error, message):
    with pytest.raises(error, match=message):
        TableEncoder(categorical_features=chosen).fit(pd.DataFrame({"a": [1, 2], "b": [1, 3]}))


def test_unseen_category_is_missing_and_named_in_one_warning():
    train = pd.DataFrame({"animal": ["cat", "dog"], "x": [True, False], "n": [0.0, 1.0]})
    new = pd.DataFrame({"animal": ["zebra", "cat"], "x": [None, True], "n": [0.0, 1.0]})
    encoder = TableEncoder().fit(train)
    with pytest.warns(UserWarning, match="'animal' holds 'zebra'") as caught:
        values, missing = encoder.encode(new)
    assert len(caught) == 1
    assert values[0, :4].tolist() == [0, 0, 0, 0]
    assert missing.tolist() == [[True, True, False], [False, False, False]]


def test_categories_survive_a_change_of_type():
    text = TableEncoder().fit(one_column(["1", "2", "x"]))
    assert text.transform(one_column([2, 1])).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert text.transform(one_column([2.0, np.nan])).tolist() == [[0, 1, 0], [0, 0, 0]]
    number = TableEncoder(categorical_features=["c"]).fit(one_column([1, 2]))
    with pytest.warns(UserWarning, match="holds 'x'"):
        assert number.transform(one_column(["2", "1.0", "x"])).tolist() == [[0, 1], [1, 0], [0, 0]]
    truth = TableEncoder().fit(one_column([False, True]))
    assert truth.transform(one_column([1, 0])).tolist() == [[0, 1], [1, 0]]
    assert truth.transform(one_column(["True", "FALSE"])).tolist() == [[0, 1], [1, 0]]


def test_numeric_column_refuses_text_later():
    encoder = TableEncoder().fit(one_column([1.0, 2.0]))
    with pytest.raises(ValueError, match="column 'c' must hold numbers: got 'many'"):
        encoder.transform(one_column(["many", "few"]))


@pytest.mark.parametrize("values", [[np.nan, np.nan], [None, None]])
def test_all_missing_column(values):
    encoder = TableEncoder().fit(one_column(values, dtype=object))
    assert encoder.attribute_sizes_ == (1,)
    assert encoder.discrete_ == (False,)
    with pytest.warns(UserWarning, match="'c' had no value in the training rows"):
        encoded, missing = encoder.encode(one_column([1.0, 2.0]))
    assert missing.all()
    assert (encoded == 0).all()


def test_constant_columns():
    table = pd.DataFrame({"n": [0.1] * 7, "t": ["only"] * 7})
    encoder = TableEncoder().fit(table)
    assert encoder.scale_[0] == 1  # not the rounding error of the mean
    assert encoder.transform(table).tolist() == [[0, 1]] * 7
    assert encoder.transform(table.assign(n=2.1))[0, 0] == 2


def test_single_row():
    encoder = TableEncoder().fit(pd.DataFrame({"n": [3.0], "t": ["a"]}))
    assert encoder.transform(pd.DataFrame({"n": [4.0], "t": ["a"]})).tolist() == [[1, 1]]


def test_huge_values():
    table = one_column([1e30, -1e30, 1e30, -1e30])
    np.testing.assert_allclose(
        TableEncoder().fit_transform(table)[:, 0], np.array([1, -1, 1, -1]) * np.sqrt(3) / 2
    )
    extreme = TableEncoder().fit_transform(one_column([1.7e308, -1.7e308, 0.0]))
    np.testing.assert_allclose(extreme[:, 0], [1, -1, 0])
    small = TableEncoder().fit(one_column([0.0, 1.0]))
    with pytest.warns(UserWarning, match=r"'c' holds 1e\+30.*clipped"):
        assert small.transform(one_column([1e30]))[0, 0] == 1e6


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (one_column([np.inf, 1.0]), ValueError, "column 'c' must be finite: got inf"),
        (one_column([-np.inf, 1.0], dtype=object), ValueError, "got -inf"),
        (one_column(["a", 1.0], dtype=object), ValueError, "one kind of value: got number and"),
        (one_column([True, "b"], dtype=object), ValueError, "got bool and text"),
        (one_column([1j, 2.0]), ValueError, "Complex data not supported"),
        (one_column([10**400, 2], dtype=object), ValueError, "must fit into float64"),
        (one_column([[1], [2]], dtype=object), TypeError, "got list in column 'c'"),
        (one_column(pd.to_datetime(["2020-01-01"])), ValueError, "'c' must hold .*datetime64"),
        (one_column([datetime.date(2020, 1, 1)]), TypeError, "got date in column 'c'"),
        (one_column(pd.to_timedelta(["1 D"])), ValueError, "timedelta64"),
        (one_column(pd.period_range("2020", periods=2)), ValueError, "period"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ValueError, "got 'a' more than once"),
        (pd.DataFrame([[1, 2]], columns=["a", 1]), TypeError, "got 1 among them"),
        (pd.DataFrame({("a", "b"): [1]}), ValueError, "one level of column names"),
        (pd.DataFrame({"a": []}), ValueError, "0 sample"),
        (pd.DataFrame(index=[0, 1]), ValueError, "0 feature"),
        ([], ValueError, "0 sample"),
        ([1, 2], ValueError, "Expected 2D array"),
        ([[1], [1, 2]], ValueError, "Expected 2D array"),
        (np.zeros((2, 2, 2)), ValueError, "dim 3"),
        (np.array([["2020-01-01"]], dtype="datetime64[D]"), ValueError, "datetime64"),
    ],
)
def test_bad_tables(table, error, message):
    with pytest.raises(error, match=message):
        TableEncoder().fit(table)


def test_columns_are_checked_by_name():
    table = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 3.0]})
    encoder = TableEncoder().fit(table)
    for wrong, message in [
        (table[["b", "a"]], "must be in the same order"),
        (table[["a"]], "now missing:\n- b"),
        (table.assign(extra=1), "unseen at fit time:\n- extra"),
    ]:
        with pytest.raises(ValueError, match=message):
            encoder.transform(wrong)
    assert TableEncoder().fit(table.to_numpy()).n_features_in_ == 2
    with pytest.raises(ValueError, match="2 features"):
        TableEncoder().fit(table.to_numpy()).transform(np.zeros((1, 3)))


def test_lists_and_arrays_keep_the_type_of_each_cell():
    encoder = TableEncoder().fit([[1, "a", None], [2, "b", True]])
    assert encoder.categories_ == (None, ("a", "b"), (True,))
    assert TableEncoder().fit(np.array([[1, "a"], [2, "b"]], dtype=object)).discrete_ == (
        False,
        True,
    )
    assert TableEncoder().fit(np.array([["1"], ["2"]])).discrete_ == (True,)


def test_output_names_and_pandas_output():
    table = pd.DataFrame({"n": [1.0, 2.0], "t": ["a", "b"]})
    encoder = TableEncoder().fit(table)
    assert encoder.get_feature_names_out().tolist() == ["n", "t_a", "t_b"]
    frame = TableEncoder().set_output(transform="pandas").fit_transform(table)
    assert list(frame.columns) == ["n", "t_a", "t_b"]


def test_state_is_json_and_restores_the_encoder():
    table = pd.DataFrame(
        {"n": [0.1, 2.0, np.nan], "t": ["a", None, "b"], "b": [True, False, True], "m": [None] * 3}
    )
    for chosen in ("auto", ["t", np.int64(2)]):
        encoder = TableEncoder(categorical_features=chosen).fit(table)
        text = json.dumps(encoder.get_state(), allow_nan=False)
        restored = TableEncoder.from_state(json.loads(text))
        for mine, theirs in zip(encoder.encode(table), restored.encode(table), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        assert restored.attribute_sizes_ == encoder.attribute_sizes_
        assert restored.categories_ == encoder.categories_
        with pytest.raises(ValueError, match="same order"):
            restored.encode(table[["b", "n", "t", "m"]])
    array = TableEncoder.from_state(TableEncoder().fit([[1.0], [2.0]]).get_state())
    assert not hasattr(array, "feature_names_in_")


# --- fuzz ---------------------------------------------------------------------------------------

COLUMNS = (
    lambda g, n: g.normal(size=n),
    lambda g, n: g.normal(size=n) * 10.0 ** float(g.integers(-300, 300)),
    lambda g, n: np.full(n, g.choice([0.0, 1e30, np.nan, -1e-300])),
    lambda g, n: g.integers(-3, 3, n),
    lambda g, n: pd.array(g.choice([1, 2, None], n), dtype="Int64"),
    lambda g, n: g.choice(["a", "b", "", " ", "ä", "1", "True", "nan"], n),
    lambda g, n: g.choice(np.array(["x", None, np.nan, pd.NA], dtype=object), n),
    lambda g, n: g.integers(0, 2, n).astype(bool),
    lambda g, n: pd.array(g.choice([True, False, None], n), dtype="boolean"),
    lambda g, n: pd.Categorical(g.choice([1, 2, 3], n), categories=[3, 2, 1, 9]),
    lambda g, n: pd.Categorical(g.choice(np.array(["u", None], dtype=object), n)),
    lambda g, n: g.choice(np.array([1, "a", True, None, 2.5], dtype=object), n),
    lambda g, n: g.choice(np.array([np.inf, 1.0]), n),
    lambda g, n: pd.to_datetime(g.integers(0, 10**9, n)),
    lambda g, n: pd.Series([[1]] * n, dtype=object),
    lambda g, n: g.normal(size=n).astype(np.complex128),
)
WEIGHTS = np.array([8.0, 2, 2, 4, 3, 6, 2, 3, 2, 2, 2, 0.4, 0.4, 0.3, 0.2, 0.2])


def random_table(generator):
    rows, count = int(generator.integers(0, 12)), int(generator.integers(0, 6))
    makers = generator.choice(len(COLUMNS), count, p=WEIGHTS / WEIGHTS.sum())
    columns = [pd.Series(COLUMNS[m](generator, rows)) for m in makers]
    names = generator.choice(["a", "b", "c", "d", "long name", 0, 1], count).tolist()
    if generator.random() < 0.8:
        names = [f"c{i}" for i in range(count)]
    table = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=range(rows))
    table.columns = names
    return table


def random_arguments(generator, table):
    options = ["auto", "auto", "auto", [], [0], list(table.columns[:1]), ["zz"], 5, [99], "none"]
    return {"categorical_features": options[int(generator.integers(len(options)))]}


def disguise(generator, table):
    """The same table as users also pass it."""
    way = generator.integers(6)
    if way == 0:
        return table.to_numpy()
    if way == 1:
        return table.to_numpy().tolist()
    if way == 2:
        return table.sample(frac=1, random_state=int(generator.integers(100)), axis=1)
    return table


def through_csv(generator, table, path):
    text = table.to_csv(index=False)
    if generator.random() < 0.3 and text:  # damage it
        cut = int(generator.integers(len(text)))
        text = text[:cut] + str(generator.choice(["", ",", '"', "\n", "\x00", "é"])) + text[cut:]
    path.write_bytes(text.encode(str(generator.choice(["utf-8", "utf-8", "latin-1"]))))
    target = str(generator.choice([*map(str, table.columns), "target"]))
    return read_table(path, target=target if generator.random() < 0.5 else None)


def check_encoding(encoder, table):
    values, missing = encoder.encode(table)
    assert values.shape == (len(table), sum(encoder.attribute_sizes_))
    assert missing.shape == (len(table), len(encoder.attribute_sizes_))
    assert np.isfinite(values).all()
    start = 0
    for size, discrete, absent in zip(
        encoder.attribute_sizes_, encoder.discrete_, missing.T, strict=True
    ):
        block = values[:, start : start + size]
        assert (block[absent] == 0).all()
        if discrete:
            assert (block[~absent].sum(1) == 1).all()
        start += size
    state = json.loads(json.dumps(encoder.get_state(), allow_nan=False))
    np.testing.assert_array_equal(TableEncoder.from_state(state).encode(table)[0], values)


def one_sentence(error):
    text = str(error)
    assert 10 < len(text) < 400, text
    assert "Traceback" not in text


def fuzz(seeds, path):
    """Each seed gives a valid encoding or one clear sentence; returns how many were valid."""
    valid = 0
    for seed in seeds:
        generator = np.random.default_rng(seed)
        table = random_table(generator)
        arguments = random_arguments(generator, table)
        try:
            if generator.random() < 0.25:
                table = through_csv(generator, table, path)
            shown = disguise(generator, table)
            encoder = TableEncoder(**arguments).fit(shown)
            check_encoding(encoder, shown)
            check_encoding(encoder, disguise(generator, table))
            valid += 1
        except (ValueError, TypeError) as error:
            one_sentence(error)
    return valid


@pytest.fixture
def quiet():
    with warnings.catch_warnings():  # unseen categories and clipping are expected here
        warnings.simplefilter("ignore", UserWarning)
        yield


@pytest.mark.usefixtures("quiet")
def test_fuzz(tmp_path):
    assert fuzz(range(300), tmp_path / "table.csv") > 60


@pytest.mark.slow
@pytest.mark.usefixtures("quiet")
def test_fuzz_at_size(tmp_path):
    assert fuzz(range(10_000), tmp_path / "table.csv") > 2_000
