"""The README's scoreboard says what the results say."""

from pathlib import Path

import pytest

from neurarium import report
from neurarium.report.readme import END, START, main, replace_block


@pytest.fixture
def readme(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = Path("README.md")
    path.write_text(f"# Title\n\n{START}\nold\n{END}\n\nAfter.\n")
    return path


def test_the_block_is_written_once_and_then_current(readme, capsys):
    assert main(["--check"]) == 1
    assert "not current" in capsys.readouterr().out
    assert main([]) == 0
    text = readme.read_text()
    assert text.startswith(f"# Title\n\n{START}\n| system |")
    assert text.endswith(f"\n{END}\n\nAfter.\n")
    assert report.scoreboard_markdown() in text
    assert main(["--check"]) == 0
    assert main([]) == 0
    assert readme.read_text() == text


def test_the_readme_of_this_repository_is_current(monkeypatch, capsys):
    monkeypatch.chdir(Path(__file__).parents[2])
    assert main(["--check"]) == 0, capsys.readouterr()


def test_a_readme_without_markers_is_told(readme, capsys):
    readme.write_text("nothing")
    assert main([]) == 1
    assert "must hold" in capsys.readouterr().err
    assert readme.read_text() == "nothing"
    with pytest.raises(ValueError, match="must hold"):
        replace_block(f"{END} {START}", "")


def test_the_table_holds_verdict_and_interval_in_one_line_each(results, hostile, monkeypatch):
    monkeypatch.setattr("neurarium.catalog.state", lambda system: "recorded")
    lines = report.scoreboard_markdown(results).splitlines()
    (hopular,) = (line for line in lines if line.startswith("| [hopular]"))
    assert "| not reproduced |" in hopular
    assert "median rank 7.5 of 29 method groups" in hopular
    assert hopular.count("|") == lines[0].count("|")
    assert len([line for line in lines if line.startswith("| [")]) == 44


def test_planned_systems_are_counted():
    text = report.scoreboard_markdown()
    assert "Planned under the same contract" in text
    assert "[causal-pinn]" not in text
