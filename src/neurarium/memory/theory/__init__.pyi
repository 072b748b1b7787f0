from .retrieval import hopfield_jacobian as hopfield_jacobian
from .retrieval import is_well_separated as is_well_separated
from .retrieval import jacobian_norm_bound as jacobian_norm_bound
from .retrieval import operating_class as operating_class
from .retrieval import pattern_separation as pattern_separation
from .retrieval import retrieval_error_bound as retrieval_error_bound
from .retrieval import sphere_capacity as sphere_capacity
