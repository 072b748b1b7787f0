"""Two processes train as one: gradients are the joint batch's, weights a single process's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.parallel import X, loss, make_net, train

SCRIPT = Path(__file__).with_name("parallel.py")


def start(mode, folder):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run(
        [*command, str(SCRIPT), mode, str(folder)],
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def torchrun(mode, folder):
    run = start(mode, folder)
    assert run.returncode == 0, run.stderr[:6000]
    return [load_file(folder / f"{rank}.out") for rank in range(2)]


@pytest.mark.slow
def test_replicas(tmp_path):
    first, second = torchrun("replicate", tmp_path)
    alone = make_net(seed=0)
    loss(alone, X).backward()
    gradients = {f"grad.{k}": p.grad for k, p in alone.named_parameters() if p.grad is not None}
    train(alone, validate=lambda module: -loss(module, X).item())
    expected = {f"weights.{k}": v for k, v in alone.state_dict().items()} | gradients
    assert first.keys() == expected.keys()  # an unused parameter gets no gradient in any process
    for name, value in expected.items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], value, rtol=1e-6, atol=1e-12)


@pytest.mark.slow
def test_replicas_resume(tmp_path):
    whole, _ = torchrun("replicate", tmp_path)
    again, _ = torchrun("replicate", tmp_path)  # finished: both processes read the checkpoint
    assert all(torch.equal(again[name], value) for name, value in whole.items())


@pytest.mark.slow
def test_replicas_go_on_where_one_of_them_was_killed(tmp_path):
    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    whole, _ = torchrun("replicate", tmp_path / "whole")
    assert start("killed", tmp_path / "broken").returncode != 0
    assert not list((tmp_path / "broken").glob("*.out"))
    assert list((tmp_path / "broken" / "run").iterdir())  # a checkpoint of the first epoch
    first, second = torchrun("replicate", tmp_path / "broken")
    for name, value in whole.items():
        assert torch.equal(first[name], value), name
        assert torch.equal(second[name], value), name


@pytest.mark.slow
def test_sharded_weights_and_distributed_checkpoint(tmp_path):
    first, second = torchrun("shard", tmp_path)
    single = make_net(seed=0)
    train(single, batch_size=None)
    for name, value in single.state_dict().items():
        assert torch.equal(first[f"weights.{name}"], second[f"weights.{name}"]), name
        torch.testing.assert_close(first[f"weights.{name}"], value, rtol=1e-6, atol=1e-12)
