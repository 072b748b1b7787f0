"""``neurarium run SLUG``: recompute a system's experiment; tables and claims beside the record."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from neurarium import evaluation
from neurarium.evaluation.judged import JUDGING_PRESETS

from .arguments import Switch, as_json, parse, parse_with
from .experiment import check_preset, experiments_of, first_word, flag_value
from .folders import check_folder

if TYPE_CHECKING:
    from neurarium.evaluation import Experiment, Run


_ABOUT = "Recompute the experiment of a system and compare with its recorded verdict."


@dataclass(frozen=True)
class RunOptions:
    """Recompute the experiment of a system and compare with its recorded verdict.

    Args:
        slug: the system, as `neurarium list` names it.
        part: one of its experiments where it has several; all of them by default. A single part
            has every field of its configuration as a flag, listed by its --help.
        preset: smoke (seconds), quick (two minutes), full (what is recorded) or paper.
        seeds: number of seeds, instead of the preset's.
        device: where cells compute, e.g. cpu or cuda.
        jobs: worker processes; with one, cells run in this process.
        backend: local, dask, or the address of a running dask scheduler.
        out: the folder of all runs; started again, a run goes on where it was.
        record: store the summary that ships with the library and gives the verdict.
        json: print one JSON document instead of tables.
    """

    slug: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SLUG")]
    part: str | None = None
    preset: str = "quick"
    seeds: int | None = None
    device: str = "cpu"
    jobs: int = 1
    backend: str = "local"
    out: Path = Path("runs")
    record: Switch = False
    json: Switch = False


def main(words: Sequence[str]) -> int:
    """Run, show, and say by the exit code whether a cell failed."""
    slug = first_word(words)
    if slug is None:
        options = parse(RunOptions, words, "run")  # prints the help or complains
        raise ValueError(f"slug must be the first word after run: got {options.slug!r}")
    experiments = experiments_of(slug, flag_value(words, "--part"))
    for experiment in experiments:
        check_preset(experiment, flag_value(words, "--preset") or RunOptions.preset)
    options, overrides = _parse(experiments, words)
    if options.record:
        _check_recordable(options, overrides)
    check_folder(options.out)
    _check_device(options.device)
    runs = []
    for experiment in experiments:
        runs.append(_run(experiment, options, overrides))
        if options.record and runs[-1].records.ok:  # at once: what is finished stays
            evaluation.record_summary(runs[-1])
    if options.json:
        from .outcome import document

        print(as_json(document(options.slug, runs)))
    else:
        from .terminal import show_runs

        show_runs(options.slug, runs)
    return int(any(run.num_failed for run in runs))


def _parse(
    experiments: tuple[Experiment, ...], words: Sequence[str]
) -> tuple[RunOptions, dict[str, Any]]:
    """The options, and the fields of the configuration that were set."""
    if len(experiments) > 1:  # every part has a configuration of its own
        return parse(RunOptions, words, "run", about=_parts(experiments)), {}
    preset = experiments[0].presets[flag_value(words, "--preset") or RunOptions.preset]
    options, config = parse_with(RunOptions, "configuration", preset, words, "run")
    chosen = {name: value for name, value in vars(config).items() if value != getattr(preset, name)}
    return options, chosen


def _parts(experiments: Sequence[Experiment]) -> str:
    """What the help of a system with several experiments opens with."""
    slug, names = experiments[0].slug, [experiment.part for experiment in experiments]
    return (
        f"{_ABOUT} The parts of {slug}: {', '.join(names)}; each has flags of its own, which "
        f"`neurarium run {slug} --part {names[0]} --help` lists for {names[0]}."
    )


def _run(experiment: Experiment, options: RunOptions, overrides: dict[str, Any]) -> Run:
    run = evaluation.run(
        experiment,
        preset=options.preset,
        overrides=overrides,
        seeds=options.seeds,
        jobs=options.jobs,
        backend=options.backend,
        out=options.out,
        device=options.device,
        progress=not options.json or sys.stderr.isatty(),
    )
    if not run.records:
        given = ", ".join(f"--{name.replace('_', '-')}" for name in overrides)
        raise ValueError(f"the flags must leave cells to compute: got none with {given}")
    return run


def _check_recordable(options: RunOptions, overrides: dict[str, Any]) -> None:
    """A record is a judged preset as it is declared; said before hours are spent on another."""
    if options.preset not in JUDGING_PRESETS:
        raise ValueError(
            f"--record must go with --preset {' or '.join(JUDGING_PRESETS)}: got {options.preset!r}"
        )
    changed = ["seeds"] if options.seeds is not None else []
    changed += overrides
    if changed:
        raise ValueError(
            f"--record must go with the preset as declared: got --{changed[0].replace('_', '-')}"
        )


def _check_device(device: str) -> None:
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"--device must be one of this machine: got {device!r} ({reason})"
        ) from None
