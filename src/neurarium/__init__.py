"""neurarium: the neural architectures that mainstream frameworks leave out, under one contract.

Every system is an import, every claim a command. Importing this package imports nothing heavy;
``neurarium.memory``, ``neurarium.estimators`` … load torch when a name of theirs is first used.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
