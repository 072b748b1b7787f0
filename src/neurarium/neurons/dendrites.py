r"""Dendrites: frozen extra units whose outputs are added to a layer's neurons, for any module.

A Neuroscience Inspired Extension to Artificial Neural Networks (https://arxiv.org/abs/2501.18018):

.. math:: s_i = \sigma\Big(D_i(x) + \sum_{j<i} v_{ij} \odot s_j\Big), \qquad
          \mathrm{out} = M(x) + \sum_i a_i \odot s_i

The dendrites D_i have the form of the module M. No error flows through them to earlier layers, and
the loss trains their weights a_i alone; :mod:`~neurarium.neurons.dendrite_trainer` trains D and v.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.activation import Activation, resolve_activation
from neurarium.memory.arguments import require_tensor
from neurarium.neurons.plain_tensors import is_plain

SAME_SHAPE: tuple[type[nn.Module], ...] = (
    nn.LayerNorm, nn.RMSNorm, nn.GroupNorm, nn.LocalResponseNorm, nn.Identity,
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout,
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU,
    nn.Mish, nn.Hardswish, nn.Tanh, nn.Hardtanh, nn.Sigmoid, nn.Hardsigmoid, nn.LogSigmoid,
    nn.Softplus, nn.Softsign, nn.Threshold, nn.Hardshrink, nn.Softshrink, nn.Tanhshrink,
    nn.Softmax, nn.Softmin, nn.LogSoftmax, nn.Softmax2d,
)  # fmt: skip
"""What leaves the neurons to the module before it."""
Observer = Callable[[Tensor, Tensor], None]


class Dendritic(nn.Module):
    r"""Any module with dendrites; without any it is the module.

    `A Neuroscience Inspired Extension to Artificial Neural Networks
    <https://arxiv.org/abs/2501.18018>`_:

    .. math:: s_i = \sigma\Big(D_i(x) + \sum_{j<i} v_{ij} \odot s_j\Big), \qquad
              \mathrm{out} = M(x) + \sum_i a_i \odot s_i

    Wrap all that stands between two non-linearities as one, such as a convolution with its batch
    norm. A new dendrite has weight a = 0, so that it changes nothing until the neurons learn to use
    it. Dendrites are frozen and always in evaluation mode; a state with dendrites loads into a
    module without. Inputs are recorded while the module is in training mode.

    Args:
        module: takes one tensor, and no further arguments, and gives one.
        neuron_dim: the axis of the output that counts neurons: 1 for channels, −1 for a linear
            layer.
        activation: σ, a name in ``torch`` or ``torch.nn.functional``, or a callable.
        perforate: False lets errors flow through dendrites to earlier layers: the ablation.
        output_getter: picks the tensor where the module gives something else.

    Shapes:
        - x and output: as the module's

    Raises:
        TypeError: for something that is no module, further inputs, and outputs that are no tensors.
        ValueError: for an axis that the output lacks or whose size varies, tied weights, a module
            without parameters, and one that changes its input in place.

    Example:
        >>> layer = Dendritic(nn.Linear(3, 2), neuron_dim=-1)
        >>> x = torch.randn(4, 3)
        >>> before = layer(x)
        >>> layer.add_dendrite()
        >>> torch.equal(layer(x), before), layer.num_dendrites
        (True, 1)
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        neuron_dim: int = 1,
        activation: Activation = "sigmoid",
        perforate: bool = True,
        output_getter: Callable[[Any], Tensor] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(module, nn.Module):
            raise TypeError(f"module must be an nn.Module: got {type(module).__name__}")
        if isinstance(neuron_dim, bool) or not isinstance(neuron_dim, int):
            raise TypeError(f"neuron_dim must be a whole number: got {neuron_dim!r}")
        if resolve_activation(activation) is None:
            raise ValueError("activation must be a name or a callable: got None")
        _require_own_parameters(module)
        self.module = module
        self.neuron_dim, self.activation = neuron_dim, activation
        self.perforate, self.output_getter = perforate, output_getter
        self.dendrites = nn.ModuleList()
        self.between = nn.ParameterList()
        self.top: nn.Parameter | None
        self.register_parameter("top", None)
        self.num_neurons = _neurons(module)
        self._observer: Observer | None = None

    @property
    def num_dendrites(self) -> int:
        """Dendrites of each neuron."""
        return len(self.dendrites)

    def new_dendrite(self) -> nn.Module:
        """A module of the same form with weights of its own, drawn anew."""
        module = copy.deepcopy(self.module)
        _draw(module)
        return module.requires_grad_(True)

    @torch.no_grad()
    def add_dendrite(
        self,
        dendrite: nn.Module | None = None,
        between: Tensor | None = None,
        *,
        frozen: bool = True,
    ) -> None:
        """Append a dendrite with weight 0, which leaves the output as it was.

        ``top`` becomes a new parameter, so that optimizers have to be built anew.

        Args:
            dendrite: D; None: one with random weights.
            between: v (dendrites so far, neurons); None: zeros.
            frozen: False: D and v have gradients, for ordinary training.

        Raises:
            RuntimeError: before the number of neurons is known.
            TypeError: a dendrite that is no module, or weights that are no tensor.
            ValueError: another number of neurons than the module's, or parameters that the layer
                has already.
        """
        if self.num_neurons is None:
            raise RuntimeError("the number of neurons must be known: call forward once before")
        dendrite = self.new_dendrite() if dendrite is None else dendrite
        if not isinstance(dendrite, nn.Module):
            raise TypeError(f"dendrite must be an nn.Module: got {type(dendrite).__name__}")
        if (found := _neurons(dendrite)) not in (None, self.num_neurons):
            raise ValueError(f"dendrite must have {self.num_neurons} neurons: got {found}")
        taken = {id(parameter) for parameter in self.parameters()}
        if any(id(parameter) in taken for parameter in dendrite.parameters()):
            raise ValueError(
                "dendrite must have parameters of its own: got some that the layer has already; "
                "use copy.deepcopy"
            )
        like = next(self.module.parameters())
        count = self.num_dendrites
        if between is None:
            between = like.new_zeros(count, self.num_neurons)
        require_tensor("between", between)
        if between.shape != (count, self.num_neurons):
            raise ValueError(
                f"between must have shape {[count, self.num_neurons]}: got {list(between.shape)}"
            )
        rows = [] if self.top is None else [self.top.detach()]
        self.top = nn.Parameter(torch.cat([*rows, like.new_zeros(1, self.num_neurons)]))
        self.dendrites.append(dendrite.eval().requires_grad_(not frozen))
        self.between.append(nn.Parameter(between.clone(), requires_grad=not frozen))

    def keep_dendrites(self, count: int) -> None:
        """Remove all but the first ``count`` dendrites; with 0 the module is plain again."""
        if not 0 <= count <= self.num_dendrites:
            raise ValueError(f"count must be in 0 … {self.num_dendrites}: got {count}")
        if count == self.num_dendrites:
            return
        self.dendrites = self.dendrites[:count]
        self.between = nn.ParameterList(list(self.between)[:count])
        kept = None if self.top is None or not count else self.top.detach()[:count].clone()
        self.top = None if kept is None else nn.Parameter(kept)

    def dendrite_outputs(self, x: Tensor) -> list[Tensor]:
        """s_1 … s_K."""
        outputs: list[Tensor] = []
        for dendrite, weights in zip(self.dendrites, self.between, strict=True):
            outputs.append(self.respond(dendrite, weights, x, outputs))
        return outputs

    def respond(
        self, dendrite: nn.Module, weights: Tensor, x: Tensor, earlier: list[Tensor]
    ) -> Tensor:
        """s of one dendrite, given those before it."""
        total = self._selected(dendrite(x))
        self._check(total)
        for weight, output in zip(weights, earlier, strict=True):
            total = total + self.along_neurons(weight, total) * output
        sigma = resolve_activation(self.activation)
        assert sigma is not None
        return sigma(total)

    def along_neurons(self, weight: Tensor, output: Tensor) -> Tensor:
        """One number a neuron, shaped to be multiplied with an output, and of its type."""
        shape = [1] * output.ndim
        shape[self.neuron_dim] = -1
        return weight.view(shape).to(output.dtype)

    def observe(self, observer: Observer | None) -> None:
        """Have ``observer(x, error)`` called in every backward pass in training mode; None ends it.

        The error is the gradient of the loss at the output. A forward pass without a backward pass
        leaves nothing behind.
        """
        self._observer = observer

    def reset_parameters(self) -> None:
        """Draw the module and its dendrites anew; weights of dendrites are 0 again."""
        for module in (self.module, *self.dendrites):
            _draw(module)
        for weight in (self.top, *self.between):
            if weight is not None:
                nn.init.zeros_(weight)

    def train(self, mode: bool = True) -> Self:
        """As every module; dendrites stay in evaluation mode."""
        super().train(mode)
        self.dendrites.eval()
        return self

    def extra_repr(self) -> str:
        """Settings."""
        return f"neuron_dim={self.neuron_dim}, num_dendrites={self.num_dendrites}"

    def forward(
        self, x: Float[Tensor, "*inputs"], *others: Any, **named: Any
    ) -> Float[Tensor, "*outputs"]:
        """The module's output plus what its dendrites add; more than one input is refused."""
        if others or named:
            raise TypeError(
                f"{type(self.module).__name__} must take one tensor to have dendrites: got "
                f"{1 + len(others) + len(named)} arguments; wrap a part of it that takes one"
            )
        require_tensor("x", x)
        version = self._version_of(x)
        out = self._selected(self.module(x))
        self._require_kept(x, version)
        self._check(out)
        if self.top is not None:
            seen = x.detach() if self.perforate else x
            for weight, output in zip(self.top, self.dendrite_outputs(seen), strict=True):
                out = out + self.along_neurons(weight, out) * output
        if self._observer is not None and self.training and out.requires_grad:
            observer, kept = self._observer, x.detach().clone()
            out.register_hook(lambda error: observer(kept, error))
        return out

    def _version_of(self, x: Tensor) -> int | None:
        """How often ``x`` was changed in place, where that is counted."""
        return x._version if is_plain(x) and not x.is_inference() else None

    def _require_kept(self, x: Tensor, version: int | None) -> None:
        if version is not None and x._version != version:
            raise ValueError(
                f"{type(self.module).__name__} must leave its input as it is, which dendrites see "
                "too: got a module that changes it in place; use inplace=False"
            )

    def _selected(self, output: Any) -> Tensor:
        if self.output_getter is not None:
            output = self.output_getter(output)
        if not isinstance(output, Tensor):
            raise TypeError(
                f"{type(self.module).__name__} must return a tensor: got {type(output).__name__}; "
                "give an output_getter that picks one"
            )
        return output

    def _check(self, out: Tensor) -> None:
        if not -out.ndim <= self.neuron_dim < out.ndim:
            raise ValueError(
                f"neuron_dim must be an axis of the output: got {self.neuron_dim} and shape "
                f"{list(out.shape)}"
            )
        size = out.shape[self.neuron_dim]
        if self.num_neurons is None:
            self.num_neurons = size
        if size != self.num_neurons:
            raise ValueError(
                f"neuron_dim must have one size: got {self.num_neurons} before and now shape "
                f"{list(out.shape)} along {self.neuron_dim}; choose another axis"
            )

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *arguments: Any
    ) -> None:
        """Grow or shrink to the dendrites of the state before it is copied.

        A state without this layer, or with a part of its module, takes no dendrites away.
        """
        top = state_dict.get(f"{prefix}top")
        if top is None and any(
            f"{prefix}module.{name}" not in state_dict for name in self.module.state_dict()
        ):
            super()._load_from_state_dict(state_dict, prefix, *arguments)
            return
        if top is not None:
            if top.ndim != 2 or self.num_neurons not in (None, top.shape[1]):
                messages: list[str] = arguments[-1]
                messages.append(
                    f"{prefix}top must have shape [dendrites, {self.num_neurons or 'neurons'}]: "
                    f"got {list(top.shape)}"
                )
                return
            self.num_neurons = top.shape[1]
        count = 0 if top is None else len(top)
        self.keep_dendrites(min(count, self.num_dendrites))
        while self.num_dendrites < count:
            self.add_dendrite()
        super()._load_from_state_dict(state_dict, prefix, *arguments)


def dendritic_layers(model: nn.Module) -> dict[str, Dendritic]:
    """Name → wrapped layer.

    Example:
        >>> list(dendritic_layers(nn.Sequential(Dendritic(nn.Linear(2, 2)))))
        ['0']
    """
    return {name: m for name, m in model.named_modules() if isinstance(m, Dendritic)}


def dendrite_parameters(model: nn.Module) -> Iterator[nn.Parameter]:
    """Parameters of dendrites, D and v of https://arxiv.org/abs/2501.18018; frozen by default.

    Args:
        model: with :class:`Dendritic` layers.

    Example:
        >>> layer = Dendritic(nn.Linear(3, 2))
        >>> layer.add_dendrite()
        >>> [tuple(p.shape) for p in dendrite_parameters(layer)]
        [(2, 3), (2,), (0, 2)]
    """
    for layer in dendritic_layers(model).values():
        yield from layer.dendrites.parameters()
        yield from layer.between.parameters()


def neuron_parameters(model: nn.Module) -> Iterator[nn.Parameter]:
    """All that the loss trains: everything but frozen parameters, weights of dendrites included.

    For the neurons' phase of https://arxiv.org/abs/2501.18018.

    Args:
        model: with :class:`Dendritic` layers.

    Example:
        >>> layer = Dendritic(nn.Linear(3, 2))
        >>> layer.add_dendrite()
        >>> [tuple(p.shape) for p in neuron_parameters(layer)]
        [(1, 2), (2, 3), (2,)]
    """
    return (parameter for parameter in model.parameters() if parameter.requires_grad)


def _require_own_parameters(module: nn.Module) -> None:
    names: dict[int, list[str]] = {}
    for name, parameter in module.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    if not names:
        raise ValueError(f"module must have parameters: got {type(module).__name__} without any")
    if tied := [" = ".join(same) for same in names.values() if len(same) > 1]:
        raise ValueError(f"module must not tie weights: got {', '.join(tied)}")


def _last(module: nn.Module) -> nn.Module | None:
    """The part of nested sequences whose output decides on the neurons."""
    if isinstance(module, SAME_SHAPE):
        return None
    if not isinstance(module, nn.Sequential):
        return module
    return next((found for part in reversed(module) if (found := _last(part)) is not None), None)


def neuron_axis(module: nn.Module) -> int:
    """The axis of neurons: the last after ``nn.Linear`` and ``nn.Embedding``, else channels.

    Example:
        >>> neuron_axis(nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)))
        -1
    """
    return -1 if isinstance(_last(module), nn.Linear | nn.Embedding) else 1


def _neurons(module: nn.Module) -> int | None:
    """How many neurons a module has, where it says so."""
    last = _last(module)
    for name in ("out_features", "out_channels", "num_features", "embedding_dim"):
        if isinstance(found := getattr(last, name, None), int):
            return found
    return None


@torch.no_grad()
def _draw(module: nn.Module) -> None:
    """Draw all parameters anew, small ones where a module does not know how."""
    for part in module.modules():
        own: Any = part
        if hasattr(part, "reset_parameters"):
            own.reset_parameters()
        else:
            for parameter in part.parameters(recurse=False):
                nn.init.normal_(parameter, std=0.1)
