"""``python -m neurarium`` is the command ``neurarium``."""

import sys

from neurarium.cli import main

if __name__ == "__main__":
    sys.exit(main())
