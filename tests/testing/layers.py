"""A layer that passes the whole battery, and layers that each break one promise."""

import sys
import warnings

import torch
from huggingface_hub import PyTorchModelHubMixin
from jaxtyping import Float
from torch import Tensor, nn


class Good(nn.Module, PyTorchModelHubMixin):
    """Scales, shifts and mixes features.

    `A paper <https://arxiv.org/abs/2008.02217>`_: y = W (x s) + b.

    Args:
        num_features: width of inputs and outputs.
        dropout: of inputs.

    Shapes:
        - x: (B, num_features)
        - output: (B, num_features)

    Raises:
        TypeError: for an input that is not floating point.
        ValueError: for another width.

    Example:
        >>> Good(3)(torch.ones(2, 3)).shape
        torch.Size([2, 3])
    """

    def __init__(self, num_features: int, dropout: float = 0.0, device=None, dtype=None) -> None:
        super().__init__()
        if num_features < 1:
            raise ValueError(f"num_features must be positive: got {num_features}")
        self.num_features, self.dropout = num_features, dropout
        factory = {"device": device, "dtype": dtype}
        self.scale = nn.Parameter(torch.ones(num_features, **factory))
        self.mix = nn.Linear(num_features, num_features, **factory)
        self.register_buffer("shift", torch.ones(num_features, **factory))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.scale)
        self.mix.reset_parameters()

    @classmethod
    def from_pretrained(cls, *args, strict=True, **kwargs):
        return super().from_pretrained(*args, strict=strict, **kwargs)

    def forward(self, x: Float[Tensor, "B F"]) -> Float[Tensor, "B F"]:
        if not x.is_floating_point():
            raise TypeError(f"x must be floating point: got {x.dtype}")
        if x.ndim != 2 or x.shape[1] != self.num_features:
            raise ValueError(f"x must be (B, {self.num_features}): got {list(x.shape)}")
        x = nn.functional.dropout(x, self.dropout, self.training)
        return self.compute(x)

    def compute(self, x):
        return self.mix(x * self.scale) + self.shift


class NotFinite(Good):
    def compute(self, x):
        return super().compute(x) / 0.0


class ChangesItsInput(Good):
    def compute(self, x):
        return super().compute(x.mul_(2.0))


class Prints(Good):
    def compute(self, x):
        print("hello")
        return super().compute(x)


class Warns(Good):
    def compute(self, x):
        warnings.warn("slow", stacklevel=1)
        return super().compute(x)


class DropsInEvaluation(Good):
    def compute(self, x):
        return nn.functional.dropout(super().compute(x), 0.5, training=True)


class Counts(Good):
    """State of a sequence kept in the module: the second call differs."""

    def compute(self, x):
        self.calls = getattr(self, "calls", 0) + 1
        return super().compute(x) * self.calls


class CutsTheGraph(Good):
    def compute(self, x):
        return self.mix((x * self.scale).detach()) + self.shift


class GradientNotFinite(Good):
    def compute(self, x):
        return super().compute(x) + (self.scale - self.scale).abs().sqrt()


class AlwaysFloat32(Good):
    def compute(self, x):
        return super().compute(x).float()


class LosesPrecision(Good):
    def compute(self, x):
        return super().compute(x) if x.dtype == torch.float64 else super().compute(x) * 1.01


class NoBfloat16(Good):
    def compute(self, x):
        if x.dtype == torch.bfloat16:
            raise RuntimeError("not implemented for 'BFloat16'")
        return super().compute(x)


class StaleCache(Good):
    """What was computed from the weights is not computed again when they change."""

    def compute(self, x):
        if not self.training:
            if getattr(self, "cache", None) is None:
                self.cache = self.scale.detach().clone()
            return self.mix(x * self.cache) + self.shift
        return super().compute(x)


class StateOutsideTheStateDict(Good):
    def __init__(self, num_features, dropout=0.0):
        super().__init__(num_features, dropout)
        self.secret = torch.rand(num_features)

    def compute(self, x):
        return super().compute(x) + self.secret.to(x)


class KeepsTheGraph(Good):
    """A tensor with a history on the module: deepcopy raises."""

    def compute(self, x):
        self.last = super().compute(x)
        return self.last


class SharesWhenCopied(Good):
    def __deepcopy__(self, memo):
        twin = type(self)(self.num_features, self.dropout)
        twin.scale, twin.mix = self.scale, self.mix
        twin.train(self.training)
        return twin


class ForgetsInReset(Good):
    def reset_parameters(self):
        self.mix.reset_parameters()


class CannotBeCaptured(Good):
    def compute(self, x):
        if x.sum().item() > 0:
            return super().compute(x)
        return super().compute(x) * 2


class OtherWhenCaptured(Good):
    def compute(self, x):
        y = super().compute(x)
        return y * 2 if torch.compiler.is_compiling() else y


class LoadsLeniently(Good):
    @classmethod
    def from_pretrained(cls, *args, **kwargs):
        return super().from_pretrained(*args, strict=False, **kwargs)


class ForgetsAnArgument(Good):
    """The dropout that was asked for does not come back."""

    def __init__(self, num_features, dropout=0.0):
        super().__init__(num_features, dropout)
        self.power = 1.0 if sys.argv[0].endswith("reload.py") else 2.0

    def compute(self, x):
        return super().compute(x) * self.power


class LeavesErrorsToTorch(Good):
    def forward(self, x: Float[Tensor, "B F"]) -> Float[Tensor, "B F"]:
        return self.compute(x)


class LeavesSizesToTorch(Good):
    def forward(self, x: Float[Tensor, "B F"]) -> Float[Tensor, "B F"]:
        if x.ndim != 2 or not x.is_floating_point():
            raise ValueError(f"x must be a floating-point (B, F): got {list(x.shape)}")
        return self.compute(x)


class AcceptsAnyWidth(Good):
    def forward(self, x: Float[Tensor, "B F"]) -> Float[Tensor, "B F"]:
        if x.ndim != 2 or not x.is_floating_point():
            raise ValueError(f"x must be a floating-point (B, F): got {list(x.shape)}")
        return self.compute(x[:, : self.num_features])


class WrongShapeInItsSignature(Good):
    def forward(self, x: Float[Tensor, "B F"]) -> Float[Tensor, "F B"]:
        return super().forward(x)


class NoShapeInItsSignature(Good):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


class AcceptsBadArguments(Good):
    def __init__(self, num_features, dropout=0.0):
        super().__init__(max(num_features, 1), dropout)


class NoDocstring(Good):
    pass


class NoRaises(Good):
    __doc__ = Good.__doc__.replace("    Raises:", "    Otherwise:")


class NoLink(Good):
    __doc__ = Good.__doc__.replace("https://arxiv.org/abs/2008.02217", "somewhere")


class UnexplainedArgument(Good):
    __doc__ = Good.__doc__.replace("dropout:", "something:")


class ExampleFails(Good):
    __doc__ = Good.__doc__.replace("torch.Size([2, 3])", "torch.Size([2, 4])")


class NoExample(Good):
    __doc__ = Good.__doc__.replace(">>> ", "")


BROKEN = {  # class → the checks that must fail, and no others; what is said
    NotFinite: ("forward", "the output in training mode holds NaN"),
    ChangesItsInput: ("forward", "forward changes its inputs in place"),
    Prints: ("quiet", "prints 'hello"),
    Warns: ("quiet", r"warns \['slow'\]"),
    DropsInEvaluation: ("determinism", "two calls in evaluation mode differ"),
    Counts: ("determinism", "two calls in evaluation mode differ"),
    CutsTheGraph: ("backward", "no gradient reaches scale"),
    GradientNotFinite: ("backward", "the gradient of scale is not finite"),
    AlwaysFloat32: ("float64", "torch.float64 inputs give torch.float32 outputs"),
    LosesPrecision: ("float64", "float32 and float64 outputs differ by 1.0e-02"),
    NoBfloat16: ("bfloat16", "RuntimeError: not implemented for 'BFloat16'"),
    StaleCache: ("state_dict", "outputs differ after load_state_dict"),
    StateOutsideTheStateDict: ("state_dict", "outputs differ after load_state_dict"),
    KeepsTheGraph: ("deepcopy", "support the deepcopy protocol"),
    SharesWhenCopied: ("deepcopy", "the copy shares memory with the original"),
    ForgetsInReset: ("reset", "reset_parameters does not set scale"),
    CannotBeCaptured: ("capture", "data-dependent"),
    OtherWhenCaptured: ("capture", "captured and eager outputs differ"),
    LoadsLeniently: ("reload", "accepts a file without 'mix.bias'; load strictly"),
    ForgetsAnArgument: ("reload", "outputs differ after from_pretrained in a new process"),
    LeavesErrorsToTorch: ("bad_inputs", "input 0 with no dimensions: nothing is raised"),
    LeavesSizesToTorch: ("bad_inputs", "size 4 in dimension 1: must raise .*, not RuntimeError"),
    AcceptsAnyWidth: ("bad_inputs", "input 0 is accepted whatever its sizes"),
    WrongShapeInItsSignature: ("types", "the signature is not kept"),
    NoShapeInItsSignature: ("types", "forward does not say the shape of x"),
    AcceptsBadArguments: ("refused", "bad arguments 0: nothing is raised"),
    NoDocstring: ("docstring", "has no docstring"),
    NoRaises: ("docstring", "the docstring has no section Raises"),
    NoLink: ("docstring", "links to the paper"),
    UnexplainedArgument: ("docstring", "the docstring does not explain dropout"),
    NoExample: ("example", "no example that can be run"),
    ExampleFails: ("example", r"fails: .*Got: torch.Size\(\[2, 3\]\)"),
}
for kind in BROKEN:
    if BROKEN[kind][0] not in ("docstring", "example"):
        kind.__doc__ = Good.__doc__
