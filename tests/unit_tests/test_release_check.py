"""`make release-check` tries every extra that users install."""

from tools.release_check import TRIED, extras


def test_each_extra_is_tried() -> None:
    assert set(TRIED) == set(extras())
