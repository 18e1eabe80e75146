"""``python -m benchmarks.convergence``."""

from __future__ import annotations

import argparse
import sys

from benchmarks.convergence import command


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.convergence", description=command.__doc__)
    command.add_arguments(parser)
    return command.main(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
