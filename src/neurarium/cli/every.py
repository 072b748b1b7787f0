"""``python -m neurarium.cli.every --preset smoke``: run a preset of every system that has one."""

import argparse
import sys

from neurarium import catalog

from .main import main as command


def every() -> int:
    """Run the preset of every experiment in the catalogue; 1 if any cell failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="smoke")
    parser.add_argument("--out", default="runs")
    arguments = parser.parse_args()
    failed = 0
    for system in catalog.SYSTEMS:
        if catalog.state(system) == "planned":
            continue
        print(f"== {system.slug}", flush=True)
        run = ["run", system.slug, "--preset", arguments.preset, "--out", arguments.out]
        failed += command(run) != 0
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(every())
