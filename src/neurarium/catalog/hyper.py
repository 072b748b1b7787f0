"""Rows of the family ``hyper``: networks that emit networks."""

from .system import Provenance, System

MIP_HYPERNETWORKS = System(
    slug="mip-hypernetworks",
    title="Magnitude Invariant Parametrizations Improve Hypernetwork Learning",
    arxiv="2304.07645",
    year=2023,
    family="hyper",
    kind="layer",
    about=(
        "A hypernetwork that trains as reliably as a plain network: its input is encoded to "
        "constant norm and it predicts changes to learned weights. For conditioning any existing "
        "module on hyperparameters or context."
    ),
    claim="Converges faster and with less spread than the usual parametrisation",
    exports={
        "neurarium.hyper.hypernetwork": ("CosSinEncoding", "HyperNetwork", "HyperModel"),
    },
    provenance=Provenance(
        authors=("Jose Javier Gonzalez Ortiz", "John Guttag", "Adrian V. Dalca"),
        repository="hyperlight (PyPI)",
        deviations=(
            "One pass serves a batch of conditions; the authors' package serves one at a time.",
        ),
    ),
)

NEUMETA = System(
    slug="neumeta",
    title="Neural Metamorphosis",
    arxiv="2410.11878",
    year=2024,
    family="hyper",
    kind="training method",
    about=(
        "One small coordinate network emits the weights of a network of any width in a range, "
        "also widths never trained: one checkpoint, a dial from full to a quarter of the size."
    ),
    claim="Keeps the full size's performance at up to 75 % compression",
    paper_value="75 % compression (abstract)",
    exports={
        "neurarium.hyper.weight_inr": ("weight_coordinates", "WeightINR"),
        "neurarium.hyper.morphing": ("NeuMeta",),
        "neurarium.hyper.permutation": (
            "smooth_permutation",
            "apply_permutation",
            "total_variation",
            "shortest_hamiltonian_path",
        ),
    },
    provenance=Provenance(
        authors=("Xingyi Yang", "Xinchao Wang"),
        repository="Adamdad/neumeta",
        deviations=(
            "A weight's layer is read before noise is added; the released code sends half of a "
            "tensor's rows to the wrong network.",
            "Noise leaves the fan-in divisor alone (`noise_all=True` for the original).",
            "The tour is rotated before it is cut into a path, and its distances are integers.",
        ),
    ),
)

SYSTEMS = (MIP_HYPERNETWORKS, NEUMETA)
