"""`cli/plot.py`: bars as an SVG file."""

import re
from pathlib import Path

from langchain_localllm.cli.plot import Bar, write_bars


def test_plot_shortens_texts_that_do_not_fit(tmp_path: Path) -> None:
    picture = tmp_path / "bars.svg"
    name = f"{'a-very-long-name-of-a-model-' * 5}Q4_K_M.gguf"
    write_bars(picture, f"Tokens per second of {name}", [Bar(name, {"tokens/s": 1.0}, "1.0")])
    title, label, text = re.findall(r"<text [^>]*>(.+?)</text>", picture.read_text("utf-8"))
    assert (len(title), len(label), text) == (84, 28, "1.0")
    assert title.startswith("Tokens per second of a-very")
    assert title.endswith("Q4_K_M.gguf")
    assert label.endswith("Q4_K_M.gguf")
