"""Charts and diagrams (SmartArt) of Office files, which are parts of their own."""

from collections.abc import Iterator
from typing import Any, Final

from langchain_localllm.rag.ingest.formats.table import table_text

_A: Final = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_C: Final = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_MOST_SERIES: Final = 1000


def chart_text(chart: Any) -> str:
    """Return a chart as its title and a table of the values that were saved with it.

    Args:
        chart: The root of its XML.
    """
    series = [each for each, _ in zip(chart.iter(f"{_C}ser"), range(_MOST_SERIES), strict=False)]
    columns = [_points(each, f"{_C}val", f"{_C}yVal", f"{_C}bubbleSize") for each in series]
    names: dict[int, str] = {}
    for each in reversed(series):
        names |= _points(each, f"{_C}cat", f"{_C}xVal")
    rows = [["", *(" ".join(_texts(each.find(f"{_C}tx"))) for each in series)]]
    rows += [
        [names.get(place, str(place + 1)), *(each.get(place, "") for each in columns)]
        for place in sorted(set(names).union(*columns))
    ]
    titles = ["".join(_texts(title)).strip() for title in chart.iter(f"{_C}title")]
    return "\n".join(filter(None, [*titles, table_text(rows).lstrip() if series else ""]))


def diagram_lines(diagram: Any) -> Iterator[str]:
    """Yield the texts of a diagram.

    Args:
        diagram: The root of the XML with its data.
    """
    for paragraph in diagram.iter(f"{_A}p"):
        if line := "".join(_texts(paragraph)).strip():
            yield f"- {line}"


def _points(series: Any, *names: str) -> dict[int, str]:
    """Return the values of a series by their places. Of categories with levels, the last one."""
    found: dict[int, str] = {}
    for each in series.iterchildren(*names):
        for point in each.iter(f"{_C}pt"):
            place, value = point.get("idx", ""), point.findtext(f"{_C}v", "")
            if place.isdecimal() and value:
                found.setdefault(int(place), _number(value))
    return found


def _number(value: str) -> str:
    try:
        return f"{float(value):.15g}"
    except ValueError:
        return value


def _texts(element: Any) -> Iterator[str]:
    if element is not None:
        yield from (text.text or "" for text in element.iter(f"{_A}t", f"{_C}v"))
