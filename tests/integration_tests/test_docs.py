"""Every Python block of the README and the docs, and every notebook, runs on real engines and
prints what is shown."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.engines import pages

WITH_BLOCKS = [page for page in pages.PAGES if pages.blocks(page)]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pages.Place]:
    """The servers that the pages speak of."""
    with pages.place(tmp_path_factory.mktemp("ollama")) as place:
        yield place


@pytest.mark.parametrize("page", WITH_BLOCKS, ids=lambda page: page.stem)
def test_docs_blocks_of_a_page_run_and_print_what_it_shows(page: Path, place: pages.Place) -> None:
    blocks = pages.blocks(page)
    for block, printed in zip(
        blocks, pages.run([block.code for block in blocks], place), strict=True
    ):
        if block.shown is not None:
            assert pages.agrees(block.shown, printed), (
                f"`python -m tools.engines.pages` renews it. Printed:\n{printed}"
            )
