"""neurarium run: flags, output, exit codes, and a sentence for each wrong use."""

import json
import sys
import types
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from neurarium import catalog

from . import tiny


@pytest.fixture(autouse=True)
def _tiny_system(monkeypatch, tmp_path):
    """The catalogue with one more row, whose experiments take milliseconds."""
    row = catalog.System(
        slug="tiny",
        title="A tiny system",
        arxiv="0000.00000",
        year=2026,
        family="memory",
        kind="layer",
        about="",
        claim="",
        exports={},
        provenance=catalog.Provenance(("A. Uthor",)),
    )
    module = types.ModuleType(row.experiment)
    module.__spec__ = ModuleSpec(row.experiment, None)
    module.EXPERIMENTS = tiny.EXPERIMENTS
    monkeypatch.setitem(sys.modules, row.experiment, module)
    monkeypatch.setattr(catalog, "SYSTEMS", (*catalog.SYSTEMS, row))
    monkeypatch.chdir(tmp_path)


def record_lines(folder):
    return (Path(folder) / "records.jsonl").read_text().splitlines()[1:]


def test_the_table_the_claim_and_the_folder(cli):
    code, out, _ = cli("run", "tiny", "--part", "main")
    assert code == 0
    assert "accuracy, higher is better" in out
    assert "headline claim: ours is better" in out
    assert "measured: 0.51 [" in out
    assert "recorded verdict: none yet" in out
    folder = out.splitlines()[-1].removeprefix("run folder: ")
    assert "/runs/tiny/quick-" in folder
    assert len(record_lines(folder)) == 6


def test_json_is_one_document_and_nothing_else(cli):
    code, out, _ = cli("run", "tiny", "--json", "--preset", "full", "--out", "elsewhere")
    document = json.loads(out)
    assert code == 0
    assert [part["part"] for part in document["parts"]] == ["main", "other"]
    part = document["parts"][0]
    assert part["num_cells"] == 12
    assert part["num_failed"] == 0
    assert part["claims"][0]["outcome"] == "reproduced"
    assert part["claims"][0]["units"] == 6
    assert part["tables"][0]["columns"] == ["", "ours", "theirs"]
    assert len(record_lines(part["folder"])) == 12
    assert "/elsewhere/tiny/full-" in part["folder"]


def test_json_has_no_nan(cli):
    _, out, _ = cli("run", "tiny", "--part", "main", "--json", "--shift", "nan")
    document = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    assert document["parts"][0]["claims"][0]["mean"] is None


def test_every_field_is_a_documented_flag(cli):
    code, out, _ = cli("run", "tiny", "--part", "main", "--help")
    assert code == 0
    for text in ("--shift FLOAT", "by how much ours is better", "--num-seeds INT", "(default: 3)"):
        assert text in out
    assert "(default: 1)" in cli("run", "tiny", "--part", "main", "--preset", "smoke", "--help")[1]


def test_flags_reach_the_configuration(cli):
    _, out, _ = cli("run", "tiny", "--part=main", "--shift", "2", "--seeds", "4", "--json")
    part = json.loads(out)["parts"][0]
    assert part["claims"][0]["mean"] == pytest.approx(2.015)
    assert part["claims"][0]["units"] == 4
    _, out, _ = cli("run", "tiny", "--part", "main", "--preset", "smoke", "--json")
    assert json.loads(out)["parts"][0]["claims"][0]["units"] == 1


def test_the_help_of_several_parts_names_them(cli):
    code, out, _ = cli("run", "tiny", "--help")
    assert code == 0
    assert "The parts of tiny: main, other" in " ".join(out.split())


def test_a_grid_without_the_cells_that_claims_need_still_shows_its_table(cli):
    code, out, err = cli("run", "tiny", "--part", "main", "--methods", "ours")
    assert code == 0
    assert "ours" in out
    assert err.splitlines()[-1].startswith("claims not measured: the flags left out cells")
    document = json.loads(cli("run", "tiny", "--part", "main", "--methods", "ours", "--json")[1])
    assert document["parts"][0]["claims"] == []
    assert document["parts"][0]["tables"][0]["columns"] == ["", "ours"]


def test_a_grid_without_cells_is_wrong_use(cli):
    code, out, err = cli("run", "tiny", "--part", "main", "--methods")
    assert (code, out) == (2, "")
    assert "the flags must leave cells to compute: got none with --methods" in err


def test_failures_of_one_cause_are_said_once(cli):
    _, _, err = cli("run", "tiny", "--part", "main", "--broken", "theirs")
    said = [line for line in err.splitlines() if " and 2 more: " in line]
    assert len(said) == 1
    assert said[0].startswith("failed: method theirs, seed 0 and 2 more")


def test_a_failed_cell_is_exit_code_1_and_the_others_are_kept(cli):
    words = ("run", "tiny", "--part", "main", "--broken", "theirs")
    code, out, err = cli(*words)
    assert code == 1
    progress = [line for line in err.splitlines() if line.startswith("failed: method theirs")]
    assert len(progress) == 4  # one a cell, and one that sums them up
    assert "Traceback" not in out + err
    document = json.loads(cli(*words, "--json")[1])["parts"][0]
    assert (document["num_cells"], document["num_failed"]) == (6, 3)
    assert len(document["failures"]) == 3
    assert document["tables"][0]["columns"] == ["", "ours"]
    assert document["claims"][0]["outcome"] is None


def test_a_second_run_computes_nothing_and_retries_only_what_failed(cli, tmp_path):
    log = tmp_path / "log"
    words = ("run", "tiny", "--part", "main", "--log", log)
    cli(*words)
    cli(*words)
    assert len(log.read_text().splitlines()) == 6
    log.unlink()
    cli(*words, "--broken", "ours")
    cli(*words, "--broken", "ours")
    assert len(log.read_text().splitlines()) == 6 + 3


def test_a_torn_last_line_costs_one_cell(cli, tmp_path):
    log = tmp_path / "log"
    words = ("run", "tiny", "--part", "main", "--log", log, "--json")
    whole = json.loads(cli(*words)[1])["parts"][0]
    records = Path(whole["folder"]) / "records.jsonl"
    records.write_bytes(records.read_bytes()[:-30])
    again = json.loads(cli(*words)[1])["parts"][0]
    assert len(log.read_text().splitlines()) == 6 + 1
    assert again["claims"] == whole["claims"]
    assert again["tables"][0]["rows"] == whole["tables"][0]["rows"]
    assert len(record_lines(whole["folder"])) == 6


def test_records_of_another_key_are_refused(cli, wrong):
    words = ("run", "tiny", "--part", "main")
    out = cli(*words)[1]
    records = Path(out.splitlines()[-1].removeprefix("run folder: ")) / "records.jsonl"
    header, *rest = records.read_text().splitlines(keepends=True)
    changed = json.loads(header)
    changed["run"]["key"] = "0" * 12
    records.write_text(json.dumps(changed) + "\n" + "".join(rest))
    assert "must be of key" in wrong(*words)
    records.write_text("no header\n")
    assert "must begin with a line that describes the run" in wrong(*words)


def test_wrong_slug_part_preset(wrong):
    assert wrong("run", "tinny").endswith("got 'tinny'; did you mean tiny?")
    assert "which is planned" in wrong("run", "hopfir")
    assert wrong("run").startswith("Missing")
    assert wrong("run", "tiny", "--part", "mian") == (
        "--part must be one of main, other: got 'mian'; did you mean 'main'?"
    )
    assert wrong("run", "tiny", "--preset", "smok") == (
        "--preset must be one of smoke, quick, full: got 'smok'; did you mean 'smoke'?"
    )
    assert "did you mean --shift" in wrong("run", "tiny", "--part", "main", "--shft", "1")
    assert "Unrecognized options: --shift" in wrong("run", "tiny", "--shift", "1")


def test_wrong_numbers(wrong):
    main = ("run", "tiny", "--part", "main")
    assert wrong(*main, "--seeds", "0") == "seeds must be at least 1: got 0"
    assert wrong(*main, "--seeds", "-2") == "seeds must be at least 1: got -2"
    assert wrong(*main, "--seeds", "two").startswith("--seeds must be INT: got 'two'; see")
    assert wrong(*main, "--jobs", "0").endswith("got 0")
    assert "backend" in wrong(*main, "--backend", "slurm")
    assert wrong(*main, "--device", "abacus").startswith("--device must be one of this machine")
    assert wrong(*main, "--record").startswith("--record must go with --preset full or paper: got")
    full = (*main, "--record", "--preset", "full")
    assert wrong(*full, "--shift", "3") == (
        "--record must go with the preset as declared: got --shift"
    )
    assert wrong(*full, "--seeds", "3").endswith("got --seeds")


def test_unwritable_output(wrong, tmp_path):
    (tmp_path / "file").write_text("")
    said = wrong("run", "tiny", "--out", tmp_path / "file")
    assert said.startswith(f"--out must be a folder one can write to: got {tmp_path / 'file'}")
    assert "not a directory" in wrong("run", "tiny", "--out", tmp_path / "file" / "below")
