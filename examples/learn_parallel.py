"""Learn three patterns with blanks from 40 noisy examples of each; recall all three in one state.

Run ``python examples/learn_parallel.py``: overlaps with a teacher and without, beside the theory.
"""

import torch

from neurarium.memory import (
    MultitaskingHopfield,
    mixture_states,
    noisy_examples,
    random_patterns,
)
from neurarium.memory.theory import multitasking_solve

NUM_UNITS, NUM_PATTERNS, NUM_EXAMPLES, QUALITY = 20_000, 3, 40, 0.4
TEMPERATURE = 0.02


def main(dilution: float) -> dict[str, list[float]]:
    """Share of each pattern that is recalled, by rule, and what theory expects of all."""
    generator = torch.Generator().manual_seed(0)
    patterns = random_patterns(NUM_PATTERNS, NUM_UNITS, dilution=dilution, generator=generator)
    examples = noisy_examples(patterns, NUM_EXAMPLES, QUALITY, generator=generator)
    cue = mixture_states(patterns, torch.tensor([4.0, 2.0, 1.0]), generator=generator)
    shares = {}
    for rule in ("supervised", "unsupervised"):
        memory = MultitaskingHopfield(NUM_UNITS)
        learned = memory.learn(examples, rule=rule, patterns=patterns)  # estimates the quality
        recall = memory.recall(cue, beta=1 / TEMPERATURE, num_sweeps=30, generator=generator)
        shares[rule] = (recall.overlaps[0] / (1 - memory.dilution)).tolist()
    state = multitasking_solve(
        NUM_PATTERNS, dilution, 1 / TEMPERATURE, dataset_entropy=learned.dataset_entropy
    )
    shares[f"theory, {state.phase}"] = (state.overlaps / (1 - dilution)).tolist()
    return shares


if __name__ == "__main__":
    for share_of_blanks in (0.3, 0.8):
        for name, found in main(share_of_blanks).items():
            print(f"d = {share_of_blanks}, {name}:", *(f"{share:.2f}" for share in found))
