"""Progress as lines where there is no terminal, as a bar where there is one."""

import sys

from neurarium.engine import History, progress


def test_lines(capsys):
    history = History(metrics={"loss": [0.25]})
    with progress(total=3, seconds=0.0) as callback:
        for history.step in (1, 2, 3):
            assert callback(history) is None  # anything else could end the run
    assert capsys.readouterr().err.splitlines() == [
        "step 1/3: loss 0.25",
        "step 2/3: loss 0.25",
        "step 3/3: loss 0.25",
    ]


def test_few_lines_by_default(capsys):
    history = History(metrics={"loss": [0.25]})
    with progress() as callback:
        for history.step in range(100):
            callback(history)
    assert capsys.readouterr().err == ""


def test_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    history = History(metrics={"loss": [0.25]})
    with progress(total=2) as callback:
        for history.step in (1, 2):
            callback(history)
    assert capsys.readouterr().out == ""
