"""The page that shows what each family receives."""

from tools.prompt_formats import PAGE, page


def test_prompt_formats_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tools.prompt_formats`"
