r"""Dendrites: frozen extra units whose outputs are added to a layer's neurons, for any module.

A Neuroscience Inspired Extension to Artificial Neural Networks (https://arxiv.org/abs/2501.18018):

.. math:: s_i = \sigma\Big(D_i(x) + \sum_{j<i} v_{ij} \odot s_j\Big), \qquad
          \mathrm{out} = M(x) + \sum_i a_i \odot s_i

The dendrites D_i have the form of the module M. No error flows through them to earlier layers, and
the loss trains their weights a_i alone; :mod:`~neurarium.neurons.dendrite_trainer` trains D and v.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator
from typing import Any, Self

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neurarium.memory.activation import Activation, resolve_activation
from neurarium.memory.arguments import require_tensor

DENDRITIC: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv1d, nn.Conv2d)
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
    module without.

    Args:
        module: takes one tensor and gives one.
        neuron_dim: the axis of the output that counts neurons: 1 for channels, −1 for a linear
            layer.
        activation: σ, a name in ``torch`` or ``torch.nn.functional``, or a callable.
        perforate: False lets errors flow through dendrites to earlier layers: the ablation.
        output_getter: picks the tensor where the module gives something else.

    Shapes:
        - x and output: as the module's

    Raises:
        TypeError: for something that is no module, and outputs that are no tensors.
        ValueError: for an axis that the output lacks or whose size varies, and tied weights.

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
        names = dict(module.named_parameters(remove_duplicate=False))
        if len({id(p) for p in names.values()}) < len(names):
            raise ValueError(f"module must not tie weights: got {', '.join(names)}")
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
        """
        if self.num_neurons is None:
            raise RuntimeError("the number of neurons must be known: call forward once before")
        dendrite = self.new_dendrite() if dendrite is None else dendrite
        like = next(self.module.parameters())
        count = self.num_dendrites
        if between is None:
            between = like.new_zeros(count, self.num_neurons)
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
        for weight, output in zip(weights, earlier, strict=True):
            total = total + self.along_neurons(weight, total) * output
        sigma = resolve_activation(self.activation)
        assert sigma is not None
        return sigma(total)

    def along_neurons(self, weight: Tensor, output: Tensor) -> Tensor:
        """One number a neuron, shaped to be multiplied with an output."""
        shape = [1] * output.ndim
        shape[self.neuron_dim] = -1
        return weight.view(shape)

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

    def forward(self, x: Float[Tensor, "*inputs"]) -> Float[Tensor, "*outputs"]:
        """The module's output plus what its dendrites add."""
        require_tensor("x", x)
        out = self._selected(self.module(x))
        self._check(out)
        if self.top is not None:
            seen = x.detach() if self.perforate else x
            for weight, output in zip(self.top, self.dendrite_outputs(seen), strict=True):
                out = out + self.along_neurons(weight, out) * output
        if self._observer is not None and self.training and out.requires_grad:
            observer, kept = self._observer, x.detach()
            out.register_hook(lambda error: observer(kept, error))
        return out

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
        """Grow or shrink to the dendrites of the state before it is copied."""
        top = state_dict.get(f"{prefix}top")
        count = 0 if top is None else len(top)
        if top is not None:
            self.num_neurons = top.shape[1]
        self.keep_dendrites(min(count, self.num_dendrites))
        while self.num_dendrites < count:
            self.add_dendrite()
        super()._load_from_state_dict(state_dict, prefix, *arguments)


def to_dendritic(
    model: nn.Module,
    *,
    types: tuple[type[nn.Module], ...] = DENDRITIC,
    names: Collection[str] | None = None,
    skip: Collection[str] = (),
    neuron_dim: int | None = None,
    activation: Activation = "sigmoid",
    perforate: bool = True,
    inplace: bool = False,
) -> nn.Module:
    """Wrap layers of a model, by type or by name, so that they can have dendrites.

    For `networks that grow dendrites <https://arxiv.org/abs/2501.18018>`_. The model computes what
    it did. Build the optimizer afterwards: names of parameters change.

    Args:
        model: any module.
        types: which layers are wrapped; subclasses are left alone.
        names: which modules are wrapped instead, such as a sequence of a convolution and its norm.
        skip: names of modules in which nothing is wrapped.
        neuron_dim: of all; None: −1 for ``nn.Linear``, else 1.
        activation: of the dendrites.
        perforate: as in :class:`Dendritic`.
        inplace: change ``model`` itself. A model that is a single layer is never changed itself.

    Raises:
        ValueError: nothing to wrap, or names of no module.

    Example:
        >>> model = to_dendritic(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)))
        >>> [type(layer).__name__ for layer in model]
        ['Dendritic', 'ReLU', 'Dendritic']
    """
    known = {name for name, _ in model.named_modules()}
    if unknown := sorted((set(names or ()) | set(skip)) - known):
        raise ValueError(f"names must be those of modules: got {', '.join(unknown)}")
    model = model if inplace else copy.deepcopy(model)
    wrapped: dict[int, Dendritic] = {}
    for name, module in list(model.named_modules(remove_duplicate=False)):
        wanted = type(module) in types if names is None else name in names
        if not wanted or any(name == part or name.startswith(f"{part}.") for part in skip):
            continue
        if id(module) not in wrapped:
            dim = neuron_dim
            if dim is None:
                dim = -1 if isinstance(module, nn.Linear) else 1
            wrapped[id(module)] = Dendritic(
                module, neuron_dim=dim, activation=activation, perforate=perforate
            )
        if not name:
            return wrapped[id(module)]
        owner, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(owner), leaf, wrapped[id(module)])
    if not wrapped:
        kinds = sorted({type(module).__name__ for module in model.modules()})
        raise ValueError(f"model must have layers to wrap: got {', '.join(kinds)}")
    return model


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


def _neurons(module: nn.Module) -> int | None:
    """How many neurons a module has, where it says so."""
    if isinstance(module, nn.Sequential) and len(module):
        return _neurons(module[-1])
    for name in ("out_features", "out_channels", "num_features"):
        if isinstance(found := getattr(module, name, None), int):
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
