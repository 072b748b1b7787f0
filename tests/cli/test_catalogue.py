"""list, show, help and the dispatch of the first word."""

import json
import subprocess
import sys

from neurarium import catalog

KEYS = ["slug", "title", "arxiv", "year", "family", "kind", "state", "verdict"]


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_list_imports_no_torch():
    heavy = ("torch", "numpy", "pandas", "sklearn", "matplotlib")
    code = (
        "import sys; from neurarium.cli import main; main(['list']);"
        f"print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    )
    done = python(code)
    assert done.stderr.strip() == "[]"
    assert len(done.stdout.splitlines()) == 1 + len(catalog.SYSTEMS)


def test_list_json_is_one_document(cli):
    code, out, err = cli("list", "--json")
    rows = json.loads(out)
    assert (code, err) == (0, "")
    assert len(rows) == 44
    assert all(list(row) == KEYS for row in rows)
    assert {row["state"] for row in rows} <= {"planned", "importable", "recorded"}
    assert all((row["verdict"] is None) == (row["state"] != "recorded") for row in rows)


def test_list_of_a_family(cli):
    _, out, _ = cli("list", "--family", "graphs", "--json")
    assert {row["family"] for row in json.loads(out)} == {"graphs"}
    _, out, _ = cli("list", "--family", "graphs")
    assert len(out.splitlines()) == 1 + sum(s.family == "graphs" for s in catalog.SYSTEMS)


def test_show(cli):
    code, out, _ = cli("show", "hopular")
    assert code == 0
    for text in ("2206.00664", "Bernhard Schäfl", "neurarium run hopular", "Apache-2.0", "MIT"):
        assert text in out
    assert max(map(len, out.splitlines())) <= 100


def test_show_of_a_planned_system_promises_nothing(cli):
    _, out, _ = cli("show", "neumeta")
    assert "(planned)" in out
    assert "neurarium run" not in out


def test_show_bibtex_and_licence(cli):
    _, out, _ = cli("show", "hopular", "--bibtex")
    assert out.startswith("@misc{schafl2022hopular,")
    assert out.strip().endswith("}")
    _, out, _ = cli("show", "causal-pinn", "--licence")
    assert "notice" in out
    assert "@misc" not in out


def test_every_system_can_be_shown(cli):
    for system in catalog.SYSTEMS:
        assert cli("show", system.slug)[0] == 0


def test_wrong_words(wrong):
    assert wrong("lits") == "command must be known: got 'lits'; did you mean 'list'?"
    assert "choose from list, show, run" in wrong("qqqqqq")
    assert wrong("show", "hopluar").endswith("got 'hopluar'; did you mean hopular or hopfir?")
    assert wrong("show") == "Missing from neurarium show: SLUG; see `neurarium show --help`"
    assert wrong("list", "--famly", "x") == (
        "Unrecognized options: --famly, x; did you mean --family?; see `neurarium list --help`"
    )
    assert wrong("list", "--family", "memroy").startswith("--family must be one of memory, neurons")


def test_help_and_version(cli):
    code, out, _ = cli("--help")
    assert code == 0
    for command in ("list", "show", "run", "report", "data", "fit", "predict"):
        assert f"\n  {command} " in out
    assert cli("list", "--help")[0] == 0
    assert cli()[0] == 2
    assert cli("--version")[1].strip() == __import__("neurarium").__version__


def test_debug_shows_the_traceback_and_keeps_the_exit_code(cli):
    code, out, err = cli("show", "hopluar", "--debug")
    assert (code, out) == (2, "")
    assert err.startswith("Traceback")
    assert "did you mean hopular" in err.splitlines()[-1]


def test_a_closed_pipe_is_no_error():
    command = f"{sys.executable} -m neurarium list | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.startswith("slug")
