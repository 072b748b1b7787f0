"""Quadratic networks and ReLinear (arXiv 2110.06081), in four parts.

``main``, the headline: **data** MNIST as vectors. **Protocol**: stacks of 2 to 6 layers, trained
for three epochs by SGD with momentum at five learning rates: the conventional network, the
quadratic one from a random start, from the linear point, and with ReLinear (γ = 10⁻⁴, the
paper's). A run has failed where the loss is not finite or where fewer than twice as many test
images are named right as by guessing.

``accuracy``: three-layer perceptrons and small residual networks on Fashion-MNIST. Every method
gets the same number of configurations, chosen on validation images; beside the paper's comparison
at the same structure, which gives the quadratic network three times the parameters, there are
conventional networks of equal parameters (``wide``, the nearest width) and of equal time
(``longer``), the two ways of shrinking weights, the compact variant and ReZero. Weight decay
pulls every quadratic term towards the linear point, b_g not at all.

``path``: test accuracy from the conventional network to the unrestrained quadratic one, along the
strength of each of the three ways of restraining the quadratic terms.

``splines``: Theorem 1 by construction, and learned.

**Your method** in the first three parts: ``fn(problem, settings) -> Prepared`` as in
:mod:`~neurarium.experiments.quadratic.methods`; ``settings`` has ``"lr"``, except in ``main``
``"weight_decay"``, and in ``path`` ``"strength"``.
**Your data**: a :class:`neurarium.data.Images`. In ``splines``: ``fn(spline, x, config) ->
nn.Module``.

Example:
    >>> import tempfile
    >>> from neurarium import evaluation
    >>> from neurarium.baselines import MLP
    >>> def narrow(spline, x, config):
    ...     return MLP(1, 1, 2).double()  # not trained at all
    >>> done = evaluation.run(
    ...     SPLINES, preset="smoke", methods={"narrow": narrow}, progress=False,
    ...     out=tempfile.mkdtemp(),
    ... )
    >>> done.records.axis("method")
    ('constructed', 'quadratic', 'conventional', 'narrow')
"""

from __future__ import annotations

from .accuracy import ACCURACY
from .path import PATH
from .splines import SPLINES
from .stability import STABILITY

EXPERIMENTS = (STABILITY, ACCURACY, PATH, SPLINES)
"""Grid, tuned networks, strengths, splines."""
