"""read_table: one sentence for each way in which a file is no table."""

import gzip
import warnings

import numpy as np
import pandas as pd
import pytest

from neurarium.data import read_table


@pytest.fixture
def write(tmp_path):
    def write(content, name="my.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_types_and_missing_cells(write):
    table = read_table(write('a,b,c,d\n1,x,True,\n2.5,"y,\nz",False,NA\n'))
    assert table["a"].tolist() == [1, 2.5]
    assert table["b"].tolist() == ["x", "y,\nz"]
    assert table["c"].dtype == bool
    assert table["d"].isna().all()


@pytest.mark.parametrize(
    "text", ["a;b\n1;2\n", "a\tb\n1\t2\n", "\ufeffa,b\r\n1,2\r\n", "\na,b\n\n1,2"]
)
def test_other_separators_and_line_ends(write, text):
    pd.testing.assert_frame_equal(read_table(write(text)), pd.DataFrame({"a": [1], "b": [2]}))


def test_gzip(write):
    assert read_table(write(gzip.compress(b"a\n1\n"), "x.csv.gz"))["a"].tolist() == [1]
    with pytest.raises(ValueError, match="intact gzip file"):
        read_table(write(gzip.compress(b"a\n1\n" * 99)[:-12], "x.csv.gz"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must have a header line and rows: got an empty file"),
        (b" \n\n", "got an empty file"),
        (b"a,b\n", "must have rows below its header line"),
        (b"a,b\n1,2\n3\n", "must have 2 fields in every line: got 1 in line 3"),
        (b"a,b\n1,2\n3,4,5\n", "got 3 in line 3"),
        (b"a,b\n1,2,3\n3,4,5\n", "got 3 in line 2"),
        (b'a,b\n1,"2\n3,4\n', "must be a CSV file: got unexpected end of data"),
        (b"a,a\n1,2\n", "distinct column names: got 'a' twice"),
        (b",a\n1,2\n", "empty name for column 1"),
        (b"a,b\n1,caf\xe9\n", "must be UTF-8 text: got byte 0xe9 in line 2"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "got binary data"),
        (b"PK\x03\x04\x14\x00", "got binary data"),
        ("a,b\n1,2\n".encode("utf-16"), "got binary data"),
    ],
)
def test_what_is_no_table(write, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_table(write(content))
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="which is not there"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="got the folder"):
        read_table(tmp_path)


def test_target(write):
    path = write("age,Survived\n1,yes\n2,\n3,no\n")
    with pytest.warns(UserWarning, match="1 of 3 rows have no value in 'Survived'"):
        table = read_table(path, target="Survived")
    assert table["age"].tolist() == [1, 3]
    assert table.index.tolist() == [0, 1]
    with pytest.raises(ValueError, match="got 'survive'; did you mean 'Survived'"):
        read_table(path, target="survive")
    with pytest.raises(ValueError, match="got 'q'; it has 'age', 'Survived'"):
        read_table(path, target="q")
    with pytest.raises(ValueError, match="all 2 are missing, no rows left"):
        read_table(write("a,b\n1,\n2,\n"), target="b")


def test_fuzzed_bytes(write):
    """A good file with a few random bytes put in or taken out gives a table or one sentence."""
    good = b'a,b,"c d"\n1,x,2.5\n,y,-1e3\n3,"z, ""q""",\n'
    alphabet = np.frombuffer(b'a1.,;\t"\n\r -\xe9\xc3\xa9\x00', np.uint8)
    tables, sentences = 0, []
    for seed in range(500):
        generator = np.random.default_rng(seed)
        content = bytearray(good)
        for _ in range(int(generator.integers(0, 4))):
            at = int(generator.integers(len(content)))
            content[at : at + int(generator.integers(2))] = generator.choice(
                alphabet, int(generator.integers(2))
            ).tobytes()
        target = [None, "a", "b"][int(generator.integers(3))]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                table = read_table(write(bytes(content)), target=target)
            assert len(table)
            tables += 1
        except ValueError as error:
            sentences.append(str(error))
    assert tables > 100
    assert all(len(sentence.splitlines()) == 1 for sentence in sentences)
