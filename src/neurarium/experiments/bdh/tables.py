"""Tables of the BDH experiments: work per byte stands beside every loss."""

from __future__ import annotations

import statistics

from neurarium.evaluation import Records, Table

COLUMNS = (
    "method",
    "bits per byte",
    "s.d.",
    "best",
    "parameters",
    "million MACs a byte",
    "steps",
    "seconds a step",
    "bytes a second, generated",
)
NAMES = {
    "data": "equal parameters and data",
    "time": "equal parameters and training time",
}


def language_tables(records: Records) -> tuple[Table, ...]:
    """One table a budget; BDH stands in both, because its own time is the measure."""
    tables = []
    for budget in ("data", "time"):
        chosen = records.ok.where(budget=budget)
        if not chosen:
            continue
        rows = []
        for method in map(str, records.ok.axis("method")):
            found = records.ok.where(method=method, budget="data" if method == "bdh" else budget)
            if found:
                rows.append(_row(method, found))
        entropy = chosen[0].metrics["unigram_entropy"]
        tables.append(
            Table(
                f"Held-out bits per byte at {NAMES[budget]}",
                COLUMNS,
                tuple(rows),
                note=f"Frequencies of single bytes alone give {entropy:.3f} bits per byte.",
            )
        )
    ours = records.ok.where(method="bdh")
    return (*tables, _neurons(ours)) if ours else tuple(tables)


def _row(method: str, records: Records) -> tuple[str | float | None, ...]:
    def mean(name: str, scale: float = 1.0) -> float:
        return scale * statistics.fmean(record.metrics[name] for record in records)

    losses = [record.metrics["bpb"] for record in records]
    return (
        method,
        mean("bpb"),
        statistics.stdev(losses) if len(losses) > 1 else None,
        mean("best_bpb"),
        mean("parameters"),
        mean("macs_per_byte", 1e-6),
        mean("steps"),
        mean("seconds_per_step"),
        mean("generated_per_second"),
    )


NEURON_ROWS = {
    "code_density": "share of active neurons, code x",
    "gated_density": "share of active neurons, gated y",
    "modularity_trained": "modularity of the trained graph",
    "modularity_rewired": "modularity after rewiring with equal degrees",
    "modularity_untrained": "modularity before training",
    "degree_max_over_median": "largest over median degree",
    "degree_slope": "slope of the tail of degrees",
    "neuron_selection_auroc": "best neuron for the concept, AUROC where it was chosen",
    "neuron_auroc": "best neuron, held-out AUROC",
    "neuron_control_auroc": "best neuron, held-out AUROC after shuffled labels",
    "synapse_selection_auroc": "best synapse for the concept, AUROC where it was chosen",
    "synapse_auroc": "best synapse, held-out AUROC",
    "synapse_control_auroc": "best synapse, held-out AUROC after shuffled labels",
    "recurrent_gap": "largest gap between recurrent and parallel logits",
}


def _neurons(records: Records) -> Table:
    """Mean and range over seeds of what the neurons do."""
    rows = []
    for name, label in NEURON_ROWS.items():
        found = [record.metrics[name] for record in records if name in record.metrics]
        if found:
            rows.append((label, statistics.fmean(found), min(found), max(found)))
    return Table("Neurons of BDH", ("", "mean", "least", "most"), tuple(rows))


def merge_tables(records: Records) -> tuple[Table, ...]:
    """Bits per byte of both languages by model."""
    columns = ("english", "french", "parameters")
    found = {name: records.ok.values(name, "method") for name in columns}
    rows = tuple(
        (method, *(found[name][method] for name in columns)) for method in found["english"]
    )
    return (Table("Held-out bits per byte by language", ("model", *columns), rows),)
