"""`python -m tools.comparison`; the package's docstring describes its use."""

import argparse
import sys

from tools.comparison.run import run
from tools.comparison.subjects import SUBJECTS
from tools.comparison.table import cell, read, standard_tests, write


def main() -> None:
    """Write the page, or compare some of it."""
    places = [subject.place for subject in SUBJECTS]
    parser = argparse.ArgumentParser(prog="tools.comparison")
    parser.add_argument(
        "--tests", nargs="+", metavar="TEST", choices=standard_tests(), help="these rows only"
    )
    parser.add_argument(
        "--classes", nargs="+", metavar="CLASS", choices=places, help="these columns only"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; fail where the page says something else",
    )
    chosen = parser.parse_args()
    written = read() if chosen.check or chosen.tests or chosen.classes else {}
    found = {
        row: cell(outcomes)
        for row, outcomes in run(chosen.tests or standard_tests(), chosen.classes or places).items()
    }
    if not chosen.check:
        write(written | found)
    elif wrong := [
        f"{row}: the page says {written[row]!r}, it is {said!r}"
        for row, said in found.items()
        if written[row] != said
    ]:
        sys.exit("\n".join([*wrong, "Run `python -m tools.comparison`."]))


if __name__ == "__main__":
    main()
