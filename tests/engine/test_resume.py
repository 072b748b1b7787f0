"""A run that was killed anywhere and resumed ends with the weights of one that was not."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from engine.training import train
from neurarium.engine import fit

SCRIPT = Path(__file__).with_name("training.py")


class Killed(BaseException):
    pass


def killer(step_to_die):
    def interrupt(step):
        if step == step_to_die:
            raise Killed

    return interrupt


def assert_equal(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert torch.equal(ours[name], value), name


@pytest.mark.parametrize(
    ("kind", "moments"),
    [("batches", (1, 6, 8, 16)), ("dataloader", (6, 9))],  # an epoch has four steps
)
def test_killed_at_every_kind_of_moment(tmp_path, kind, moments):
    whole, whole_history = train(tmp_path / "whole", kind=kind)
    for step in moments:
        folder = tmp_path / str(step)
        with pytest.raises(Killed):
            train(folder, kind=kind, interrupt=killer(step))
        resumed, history = train(folder, kind=kind, start_seed=99 if step > 1 else 0)
        assert_equal(resumed, whole)
        assert history == whole_history


def test_killed_again_and_again(tmp_path):
    whole, _ = train(tmp_path / "whole")
    for step in range(2, 17, 3):
        with pytest.raises(Killed):
            train(tmp_path / "cut", interrupt=killer(step))
    assert_equal(train(tmp_path / "cut")[0], whole)


def test_a_finished_run_is_not_repeated_but_can_be_prolonged(tmp_path):
    whole, history = train(tmp_path, num_epochs=2)
    steps = []
    again, same = train(tmp_path, num_epochs=2, start_seed=5, interrupt=steps.append)
    assert steps == []
    assert same == history
    assert_equal(again, whole)
    longer, _ = train(tmp_path, num_epochs=4, start_seed=5, interrupt=steps.append)
    assert steps == list(range(9, 17))
    assert_equal(longer, train(tmp_path / "at once", num_epochs=4)[0])


@pytest.mark.slow
def test_kill_9(tmp_path):
    def run(folder, kill_at):
        command = [sys.executable, SCRIPT, tmp_path / folder, tmp_path / f"{folder}.out"]
        return subprocess.run([*map(str, command), str(kill_at)], check=False).returncode

    assert run("whole", 0) == 0
    for step in (3, 7, 12):
        assert run("cut", step) == -9
    assert run("cut", 0) == 0
    assert_equal(load_file(tmp_path / "cut.out"), load_file(tmp_path / "whole.out"))


def test_a_checkpoint_of_other_parts_is_refused(tmp_path):
    train(tmp_path, num_epochs=1)
    model = nn.Linear(2, 1)
    with pytest.raises(ValueError, match="checkpoint must come from as many processes"):
        fit(
            model,
            lambda model, batch: model(batch).mean(),
            [torch.ones(3, 2)],
            optimizer=torch.optim.SGD(model.parameters()),
            num_steps=5,
            checkpoint_dir=tmp_path,
        )
