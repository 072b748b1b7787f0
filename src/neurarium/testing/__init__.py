"""The battery that every export of this library passes, for layers of your own too.

:func:`check_module` holds a module to what a PyTorch user may expect of a layer and prints what
it found as a table; :func:`check_inputs` looks at the values that a forward pass takes for granted.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
