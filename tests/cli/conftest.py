"""Run commands in this process: (exit code, stdout, stderr)."""

import pytest

from neurarium.cli import main


@pytest.fixture
def cli(capsys):
    def run(*words):
        code = main([str(word) for word in words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def wrong(cli):
    """The one sentence of a wrong use: exit code 2, nothing on stdout."""

    def run(*words):
        code, out, err = cli(*words)
        assert (code, out) == (2, ""), err
        assert err.count("\n") == 1, err
        assert "Traceback" not in err
        return err.strip()

    return run
