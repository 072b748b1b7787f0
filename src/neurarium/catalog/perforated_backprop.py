"""The row of perforated-backprop."""

from .case import Call, Case, New
from .system import Provenance, System

PERFORATED_BACKPROP = System(
    slug="perforated-backprop",
    title=(
        "Perforated Backpropagation: A Neuroscience Inspired Extension to Artificial Neural "
        "Networks"
    ),
    arxiv="2501.18018",
    year=2025,
    family="neurons",
    kind="training method",
    about=(
        "When training stalls, chosen layers get dendrites: extra units trained to correlate with "
        "the remaining error while the network is fixed, then frozen, then used. For a last bit of "
        "accuracy, or a small model grown back to a big one's accuracy."
    ),
    claim="Dendrites improve the accuracy of the same architecture",
    paper_value="GraphSAGE on ogbn-products: 77.06 to 78.05 % (authors' examples)",
    exports={
        "neurarium.neurons.dendrites": (
            "Dendritic",
            "neuron_parameters",
            "dendrite_parameters",
        ),
        "neurarium.neurons.dendritic_model": ("to_dendritic",),
        "neurarium.neurons.dendrite_objective": ("correlation_objective",),
        "neurarium.neurons.dendrite_trainer": ("DendriteTrainer",),
    },
    provenance=Provenance(
        authors=("Rorry Brenner", "Laurent Itti"),
        repository="perforatedai (PyPI)",
        licence="Apache-2.0",
        parity=(
            "outputs of the open wrapper with no dendrites, just after adding each, and with "
            "three, recorded from perforatedai 3.2.9: rtol 1e-5, atol 1e-5; 2026-11-25"
        ),
        deviations=(
            "The correlation training is not open source: ours is written from the paper and from "
            "classical cascade correlation.",
            "While dendrites learn the network is fixed, so inputs and errors of every layer are "
            "recorded once a cycle; candidates learn from the record.",
            "Each neuron keeps its best candidate where its rows are its own (linear layers, "
            "convolutions, batch norm); elsewhere whole candidates are compared.",
            "Initial scale, learning rate, pool size and patience of candidates are ours; the rate "
            "was chosen on tasks that no experiment here uses.",
            "The arms compared get equal passes over the data, not equal seconds (both are "
            "recorded), and one that rejects a dendrite stops early; perceptrons only, no "
            "convolutional network, with 16 hidden neurons outside of the paper preset and of "
            "compression, which grows at most two dendrites, three in the paper preset.",
            "A wrapped module takes one tensor and no further arguments.",
        ),
    ),
    notice=(
        '"Perforated Backpropagation" is the authors\' trademarked name and is used here in the '
        "citation only; their correlation training is licensed separately from their package. "
        "Our code is our own, written from the paper and from cascade correlation."
    ),
    battery={
        "Dendritic": Case(
            kwargs={
                "module": New("torch.nn", "Linear", {"in_features": 3, "out_features": 2}),
                "neuron_dim": -1,
            },
            inputs=(((4, 3), "float32"),),
            calls=(Call("add_dendrite"), Call("add_dendrite")),
            refused=({"module": 3}, {"neuron_dim": 1.0}, {"activation": "none"}),
            exempt={"bad_inputs": "what an input must be is for the wrapped module to say"},
        ),
    },
)
