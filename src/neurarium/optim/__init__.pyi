from .ema import ema_model as ema_model
from .lamb import Lamb as Lamb
