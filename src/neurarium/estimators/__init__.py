"""The scikit-learn face: fit, predict and predict_proba on tables."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
