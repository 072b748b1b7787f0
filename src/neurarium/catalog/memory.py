"""Rows of the family ``memory``: associative memories and what is built on them.

A row whose battery has grown long has a file of its own.
"""

from .bdh import BDH
from .cloob import CLOOB
from .dense_rsb import DENSE_RSB
from .dynamical_intelligence import DYNAMICAL_INTELLIGENCE
from .hopfield import HOPFIELD
from .hopular import HOPULAR
from .multitasking_hebbian import MULTITASKING_HEBBIAN
from .neural_memory_synthetic_gradients import NEURAL_MEMORY_SYNTHETIC_GRADIENTS
from .txt2img_mhn import TXT2IMG_MHN

SYSTEMS = (
    HOPFIELD,
    HOPULAR,
    CLOOB,
    TXT2IMG_MHN,
    MULTITASKING_HEBBIAN,
    DENSE_RSB,
    BDH,
    NEURAL_MEMORY_SYNTHETIC_GRADIENTS,
    DYNAMICAL_INTELLIGENCE,
)
