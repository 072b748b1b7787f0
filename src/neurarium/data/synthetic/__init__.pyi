from .bit_patterns import BitPatternBags as BitPatternBags
from .bit_patterns import bit_pattern_bags as bit_pattern_bags
from .image_bags import ImageBags as ImageBags
from .image_bags import mnist_bags as mnist_bags
from .latch import LatchSequences as LatchSequences
from .latch import latch_sequences as latch_sequences
