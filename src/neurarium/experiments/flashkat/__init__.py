"""FlashKAT (arXiv 2505.13813): speed, rounding, and what the activation is good for.

**speed** times the activation forwards and in both passes beside GELU and beside the form of the
released plain code, one cell at a time, on three shapes with one and two threads. The first call of
a cell, which may compile, is left out.

**rounding** compares gradients of coefficients in float32 with float64: ours and a running sum,
which stands for the additions to memory of the first kernels.

**training** trains small vision transformers on MNIST, Fashion-MNIST and a subset of CIFAR-10, at
equal width and steps: with GELU, with GELU and a learned slope, with group-rational activations,
and with the same activations frozen. The best validated epoch is tested.

**Your method**: in ``speed`` a function ``(x, numerator, denominator) -> y``; in ``rounding``
``(x, gradient, numerator, denominator) -> (array, array)``, the coefficients' gradients; in
``training`` ``(shape, config) -> nn.Module`` from images to logits. **Your data** (``training``):
:class:`neurarium.data.Images` whose sides are a multiple of ``num_patches``.

Example:
    >>> import tempfile
    >>> from neurarium import evaluation
    >>> done = evaluation.run(ROUNDING, preset="smoke", progress=False, out=tempfile.mkdtemp())
    >>> done.num_failed, sorted(done.records.axis("method"))
    (0, ['flashkat', 'flashkat_eager', 'running_sum'])
"""

from .rounding import ROUNDING
from .speed import SPEED
from .training import TRAINING

__all__ = ["EXPERIMENTS", "ROUNDING", "SPEED", "TRAINING"]

EXPERIMENTS = (SPEED, ROUNDING, TRAINING)
