from .generation import frechet_distance as frechet_distance
from .generation import zero_shot_accuracy as zero_shot_accuracy
from .geometry import ajne_statistic as ajne_statistic
from .geometry import effective_eigenvalues as effective_eigenvalues
