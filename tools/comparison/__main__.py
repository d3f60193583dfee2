"""`python -m tools.comparison`; the package's docstring tells how it is used."""

import argparse
import sys

from tools.comparison.run import run
from tools.comparison.table import cell, read, standard_tests, write


def main() -> None:
    """Write the page, or compare some of its rows."""
    parser = argparse.ArgumentParser(prog="tools.comparison")
    parser.add_argument("--check", nargs="+", metavar="TEST", choices=standard_tests(), help="compare these rows with the page")
    checked = parser.parse_args().check
    if not checked:
        write(run(standard_tests()))
        return
    written = read()
    for row, outcomes in run(checked).items():
        if written[row] != cell(outcomes):
            sys.exit(f"{row}: the docs say {written[row]!r}, it is {cell(outcomes)!r}. Run `python -m tools.comparison`.")


if __name__ == "__main__":
    main()
