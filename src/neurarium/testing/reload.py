"""Saved here, loaded in a new process: the outputs must be equal to the last bit.

Many modules share one process, because starting Python and torch costs seconds.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch.utils._pytree import tree_leaves

from neurarium.engine import load_checkpoint, save_checkpoint

from .subject import Skip, Subject, equal, expect, one_line


def reload(subject: Subject) -> str:
    """``save_pretrained``, then ``from_pretrained`` in a new process."""
    require_hub(subject)
    (found,) = reload_many({"it": subject}).values()
    expect(not found, found)
    left = defaults_kept(subject)
    return f"at their defaults: {', '.join(left)}" if left else ""


def require_hub(subject: Subject) -> None:
    """Only whole models mix in the Hub's methods; only importable classes are found again."""
    from huggingface_hub import PyTorchModelHubMixin

    kind = type(subject.module)
    if not isinstance(subject.module, PyTorchModelHubMixin):
        raise Skip("no PyTorchModelHubMixin")
    if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
        raise Skip("the class cannot be imported by another process")


def defaults_kept(subject: Subject) -> list[str]:
    """Constructor arguments that the module was built with at their default value."""
    config: Mapping[str, Any] = getattr(subject.module, "_hub_mixin_config", None) or {}
    parameters = inspect.signature(type(subject.module).__init__).parameters.values()
    excused = {"device", "dtype"} | {key.partition(".")[2] for key in subject.exempt}
    return [
        p.name
        for p in parameters
        if p.default is not inspect.Parameter.empty
        and p.name not in excused
        and config.get(p.name, p.default) == p.default
    ]


def reload_many(subjects: Mapping[str, Subject]) -> dict[str, str]:
    """Name → what is wrong with its reload, empty if nothing; one new process for all."""
    with tempfile.TemporaryDirectory() as root:
        found: dict[str, str] = {}
        folders = {}
        for number, (name, subject) in enumerate(subjects.items()):
            folder = Path(root) / str(number)
            try:
                _write(subject, folder)
                folders[name] = folder
            except Exception as error:
                found[name] = f"save_pretrained: {one_line(error)}"
        if not folders:
            return found
        command = [sys.executable, "-m", "neurarium.testing.reload", *map(str, folders.values())]
        paths = os.pathsep.join(path for path in sys.path if path)
        run = subprocess.run(
            command,
            env=os.environ | {"PYTHONPATH": paths},
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            raise RuntimeError(f"the new process failed: {run.stderr.strip().splitlines()[-1]}")
        answers = json.loads(run.stdout.splitlines()[-1])
        return found | {name: answers[str(folder)] for name, folder in folders.items()}


def _write(subject: Subject, folder: Path) -> None:
    module: Any = subject.fresh()
    module.save_pretrained(folder)
    kind = type(module)
    state = {
        "class": [kind.__module__, kind.__qualname__],
        "args": list(subject.args),
        "kwargs": dict(subject.kwargs),
        "expected": tree_leaves(subject.run(module)),
        "threads": torch.get_num_threads(),
    }
    save_checkpoint(folder / "case.safetensors", state)


def _verify(folder: Path) -> str:
    """In the new process: what is wrong, or nothing."""
    state = load_checkpoint(folder / "case.safetensors")
    torch.set_num_threads(state["threads"])
    module_name, qualname = state["class"]
    kind: Any = importlib.import_module(module_name)
    for part in qualname.split("."):
        kind = getattr(kind, part)
    module = kind.from_pretrained(folder).eval()
    subject = Subject(module, tuple(state["args"]), state["kwargs"])
    if not equal(tree_leaves(subject.run(module)), state["expected"]):
        return "outputs differ after from_pretrained in a new process"
    weights = load_file(folder / "model.safetensors")
    if weights:
        save_file(dict(list(weights.items())[1:]), folder / "model.safetensors")
        try:
            kind.from_pretrained(folder)
        except Exception:
            return ""
        return f"from_pretrained accepts a file without {next(iter(weights))!r}; load strictly"
    return ""


def main(folders: list[str]) -> None:
    """One JSON object on the last line: folder → what is wrong."""
    answers = {}
    for folder in folders:
        try:
            answers[folder] = _verify(Path(folder))
        except Exception as error:
            answers[folder] = f"in a new process: {one_line(error)}"
    print(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1:])
