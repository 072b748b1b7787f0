"""A gallery of made-up results in the format in which real ones are recorded."""

import json
import math
import random
import statistics

import pytest

from neurarium.evaluation.drawing import draw

METHODS = (
    "hopular", "lightgbm", "xgboost", "catboost", "random_forest", "svc", "logistic_regression",
    "knn", "tabm", "realmlp", "modern_nca",
)  # fmt: skip
DATASETS = (
    "blood_transfusion", "breast_cancer", "conn_bench_sonar_mines_rocks", "credit_approval",
    "ecoli", "glass_identification", "haberman_survival", "monks_2_aligned", "statlog_heart",
)  # fmt: skip
HOSTILE = "<script>alert('x')</script> & <b>\"bold\"</b> ${config}"


def claim(statement, verdict, effects, **changes):
    mean = statistics.fmean(effects)
    half = 2.2 * statistics.stdev(effects) / math.sqrt(len(effects))
    return {
        "statement": statement,
        "source": "Table 1",
        "headline": False,
        "verdict": verdict,
        "reason": "the interval reaches beyond the claimed side",
        "effect": mean,
        "interval": [mean - half, mean + half],
        "units": len(effects),
        "effects": effects,
        "side": [0.0, None],
        "paper_value": None,
        **changes,
    }


def part(name, claims, tables, **changes):
    return {
        "part": name,
        "preset": "full",
        "key": "0123456789ab",
        "fingerprint": "0" * 16,
        "modules": ["neurarium.cost"],
        "date": "2026-01-02",
        "versions": {"python": "3.11.7", "torch": "2.13.0"},
        "machine": "x86_64, 2 cores",
        "device": "cpu",
        "config": {"embed_dim": 32, "note": HOSTILE},
        "seconds": 9000.0,
        "num_cells": 99,
        "num_failed": 0,
        "metric": "accuracy",
        "higher_is_better": True,
        "claims": claims,
        "tables": tables,
        "figures": {},
        **changes,
    }


def table(title, columns, rows, footer=(), note=""):
    return {
        "title": title,
        "columns": list(columns),
        "rows": [list(row) for row in rows],
        "footer": [list(row) for row in footer],
        "note": note,
    }


def draw_figure(path):
    """A small figure, drawn as those of recorded runs are."""
    from matplotlib import pyplot

    def lines(records):
        figure, axes = pyplot.subplots(figsize=(6, 3))
        axes.plot([1, 2, 3], [0.2, 0.5, 0.4], label="hopular")
        axes.plot([1, 2, 3], [0.3, 0.4, 0.45], label="svc")
        axes.set_xlabel("dataset")
        axes.legend()
        return figure

    draw(lines, None, path)


def hopular_summary():
    rng = random.Random(0)
    rows = [(d, *(rng.gauss(76, 6) for _ in METHODS)) for d in DATASETS]
    footer = [
        ("median rank", *(rng.uniform(2, 9) for _ in METHODS)),
        ("parameters", *(rng.randint(1000, 2_000_000) for _ in METHODS)),
    ]
    claims = [
        claim(
            "Hopular has the best median rank of all compared methods",
            "not reproduced",
            [rng.gauss(-1.4, 1) for _ in DATASETS],
            headline=True,
            paper_value="median rank 7.5 of 29 method groups",
        ),
        claim(HOSTILE, "inconclusive", [0.5, -0.2, 0.1, 0.9], side=[-0.5, 0.5]),
    ]
    tables = [
        table("Test accuracy (%)", ("dataset", *METHODS), rows, footer, f"Note: {HOSTILE}"),
        table(
            "Ablations", ("variant", "glass", "heart"), [("full", 77.1, 88.0), (HOSTILE, 1, None)]
        ),
    ]
    entry = part("main", claims, tables, figures={"accuracy_by_dataset": "figures/a.svg"})
    return {"slug": "hopular", "parts": {"main": entry}, "verdict": "not reproduced"}


def hopfield_summary():
    rows = [("elephant", 0.947, 0.921), ("tiger", 0.905, 0.910), ("fox", 0.63, 0.62)]
    bags = part(
        "mil",
        [claim("Pooling beats gated attention", "reproduced", [0.02, 0.03, 0.01, 0.02, 0.04],
               headline=True)],
        [table("AUC", ("dataset", "hopfield", "gated attention"), rows)],
    )  # fmt: skip
    exact = claim("Value of E", "reproduced", [0.1381, 0.1381], interval=None, side=[0.137, 0.139])
    theory = part("theory", [{**exact, "effects": [0.1381], "units": 1}], [])
    return {"slug": "hopfield", "parts": {"mil": bags, "theory": theory}, "verdict": "reproduced"}


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """A folder of recorded summaries: two systems, two parts, a figure, an explanation."""
    folder = tmp_path_factory.mktemp("results")
    draw_figure(folder / "figures" / "a.svg")
    (folder / "hopular.json").write_text(json.dumps(hopular_summary()))
    (folder / "hopular.md").write_text(f"With a box of 15 s `num_epochs` is small.\n\n{HOSTILE}\n")
    (folder / "hopfield.json").write_text(json.dumps(hopfield_summary()))
    return folder


@pytest.fixture
def hostile():
    """A text that breaks a page which does not escape it; it stands everywhere in the results."""
    return HOSTILE
