"""More neurons for BDH: two models merged into one, or one that grows (arXiv 2509.26507).

Neurons are the only size of BDH that its stream does not see, so models of one stream are joined by
setting their neurons side by side: columns of the encoders, rows of the decoder, frequencies.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurarium.baselines.positional import rotary_frequencies
from neurarium.memory.arguments import require_count
from neurarium.memory.bdh import BDH

SHARED = ("vocab_size", "embed_dim", "num_heads", "num_layers", "residual")


@torch.no_grad()
def merge_models(model_a: BDH, model_b: BDH) -> BDH:
    """One model with the neurons of both, head by head; nothing is trained.

    `The Dragon Hatchling <https://arxiv.org/abs/2509.26507>`_. Both must read and write through the
    same embedding and the same output map: train them from a common model with these two frozen.
    What one head reads is then the sum of what both would read.

    Args:
        model_a: its settings (dropout, chunk size) are taken over.
        model_b: any number of neurons.

    Returns:
        A new model with n_a + n_b neurons.

    Raises:
        TypeError: for anything but BDH.
        ValueError: for other sizes, another embedding or another output map.

    Example:
        >>> base = BDH(9, 8, num_heads=2, neuron_ratio=4, num_layers=2)
        >>> merge_models(base, base).num_neurons
        64
    """
    for name, model in (("model_a", model_a), ("model_b", model_b)):
        require_bdh(name, model)
    for name in SHARED:
        ours, theirs = getattr(model_a, name), getattr(model_b, name)
        if ours != theirs:
            raise ValueError(f"model_b must have the {name} of model_a: got {theirs} and {ours}")
    for name, ours, theirs in (
        ("embed", model_a.embed.weight, model_b.embed.weight),
        ("lm_head", model_a.lm_head, model_b.lm_head),
    ):
        if ours.dtype != theirs.dtype or not torch.equal(ours, theirs):
            raise ValueError(
                f"model_b must have the {name} of model_a: got other values; freeze it in training"
            )
    merged = _like(model_a, model_a.num_neurons + model_b.num_neurons)
    _fill(merged, model_a, _neurons(model_b))
    return merged


@torch.no_grad()
def grow_neurons(
    model: BDH,
    extra_neurons: int,
    *,
    code_std: float = 0.0,
    generator: torch.Generator | None = None,
) -> BDH:
    """A copy with more neurons that computes the same until they are trained.

    `The Dragon Hatchling <https://arxiv.org/abs/2509.26507>`_. The old neurons keep their
    frequencies, the new ones get a full range of their own. Their gates and their decoder rows are
    drawn from N(0, 0.02²).

    Args:
        model: is left as it is.
        extra_neurons: shared out among the heads in pairs.
        code_std: of the new encoder columns. At 0 the logits do not change at all, but a code that
            is exactly 0 has no gradient, so those columns must be filled before they can learn; a
            small value lets them learn at once.
        generator: of the new weights.

    Returns:
        A new model.

    Raises:
        TypeError: for anything but BDH and for a count that is no whole number.
        ValueError: for neurons that do not make pairs in every head.

    Example:
        >>> model = BDH(9, 8, num_heads=2, neuron_ratio=4, num_layers=2).eval()
        >>> tokens = torch.arange(9)[None]
        >>> torch.allclose(grow_neurons(model, 8)(tokens), model(tokens), atol=1e-5)
        True
    """
    require_bdh("model", model)
    require_count("extra_neurons", extra_neurons)
    heads, width = model.num_heads, model.embed_dim
    if extra_neurons % (2 * heads):
        raise ValueError(
            f"extra_neurons must be a multiple of 2 * num_heads = {2 * heads}: got {extra_neurons}"
        )
    if code_std < 0:
        raise ValueError(f"code_std must not be negative: got {code_std}")
    extra = extra_neurons // heads

    def drawn(shape: tuple[int, ...], std: float) -> Tensor:
        device = "cpu" if generator is None else generator.device
        values = torch.randn(shape, generator=generator, device=device)
        return (std * values).to(model.encoder)

    frequencies = rotary_frequencies(extra, theta=model.theta).expand(heads, -1)
    new = {
        "encoder": drawn((heads, width, extra), code_std),
        "encoder_v": drawn((heads, width, extra), 0.02),
        "decoder": drawn((heads, extra, width), 0.02),
        "frequencies": frequencies.to(model.encoder.device),
    }
    grown = _like(model, model.num_neurons + extra_neurons)
    _fill(grown, model, new)
    return grown


def require_bdh(name: str, model: nn.Module) -> None:
    """Raise a TypeError for anything but BDH."""
    if not isinstance(model, BDH):
        raise TypeError(f"{name} must be a BDH: got {type(model).__name__}")


def _like(model: BDH, num_neurons: int) -> BDH:
    """An unfilled model of another number of neurons in the same mode."""
    return BDH(
        model.vocab_size,
        model.embed_dim,
        num_heads=model.num_heads,
        num_layers=model.num_layers,
        residual=model.residual,
        dropout=model.dropout,
        theta=model.theta,
        chunk_size=model.chunk_size,
        num_neurons=num_neurons,
        device=model.encoder.device,
        dtype=model.encoder.dtype,
    ).train(model.training)


def _neurons(model: BDH) -> dict[str, Tensor]:
    """All that belongs to neurons, heads first."""
    return {
        "encoder": model.encoder,
        "encoder_v": model.encoder_v,
        "decoder": model.decoder.unflatten(0, (model.num_heads, -1)),
        "frequencies": model.rotation.frequencies,
    }


def _fill(target: BDH, first: BDH, second: dict[str, Tensor]) -> None:
    """The neurons of one model, then others, in every head."""
    ours = _neurons(first)
    target.embed.weight.copy_(first.embed.weight)
    target.lm_head.copy_(first.lm_head)
    for name in ("encoder", "encoder_v"):
        getattr(target, name).copy_(torch.cat((ours[name], second[name]), 2))
    target.decoder.copy_(torch.cat((ours["decoder"], second["decoder"]), 1).flatten(0, 1))
    both = torch.cat((ours["frequencies"], second["frequencies"].to(torch.float64)), 1)
    target.rotation.frequencies.copy_(both)
