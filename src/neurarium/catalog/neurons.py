"""Rows of the family ``neurons``: units beyond weighted sum and threshold."""

from .af_kan import AF_KAN
from .flashkat import FLASHKAT
from .kan_assessment import KAN_ASSESSMENT
from .karat import KARAT
from .perforated_backprop import PERFORATED_BACKPROP
from .quadratic import QUADRATIC
from .s_kan import S_KAN

SYSTEMS = (S_KAN, AF_KAN, FLASHKAT, KARAT, KAN_ASSESSMENT, QUADRATIC, PERFORATED_BACKPROP)
