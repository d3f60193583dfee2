"""LaTeX: its text, turned into Markdown's plain shape and read like it.

Formulas stay as they are.
"""

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from langchain_core.documents import Document

from langchain_localllm.rag.ingest.formats.markdown import sections
from langchain_localllm.rag.ingest.formats.text import decode

_COMMENT: Final = re.compile(r"(?<!\\)%.*")
_MATH: Final = re.compile(
    r"(\$\$.*?\$\$|\$[^$\n]+\$|\\\[.*?\\\]|\\\(.*?\\\)"
    r"|\\begin\{(?:equation|align|gather|multline|eqnarray|displaymath|math)"
    r"\*?\}.*?\\end\{\w+\*?\})",
    re.DOTALL,
)
_ACCENTS: Final = dict(
    zip(
        "`'^\"~=.uvHcrkd",
        map(
            chr,
            (
                0x300,
                0x301,
                0x302,
                0x308,
                0x303,
                0x304,
                0x307,
                0x306,
                0x30C,
                0x30B,
                0x327,
                0x30A,
                0x328,
                0x323,
            ),
        ),
        strict=True,
    )
)
_ACCENT: Final = re.compile(
    r"\\(?:([`'^\"~=.])\s*|([uvHcrkd])(?=\{|\s))\s*(?:\{\\?([A-Za-z])\}"
    r"|\\?([A-Za-z])(?![A-Za-z]*\{))"
)
_LETTERS: Final = {
    "ss": "ß",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "OE": "Œ",
    "o": "ø",
    "O": "Ø",
    "aa": "å",
    "AA": "Å",
    "l": "ł",
    "L": "Ł",
}
_LETTER: Final = re.compile(r"\\(ss|ae|AE|oe|OE|aa|AA|o|O|l|L)(?:\{\}|(?![A-Za-z])\s?)")
_LEVELS: Final = {
    "part": 1,
    "chapter": 1,
    "section": 2,
    "subsection": 3,
    "subsubsection": 4,
    "paragraph": 5,
}
_HEADING: Final = re.compile(
    r"\\(part|chapter|section|subsection|subsubsection|paragraph)\*?(?:\[[^\]]*\])?"
    r"\{((?:[^{}]|\{[^{}]*\})*)\}"
)
_DROPPED: Final = re.compile(
    r"[~ ]*\\(?:label|\w*cite\w*|\w*ref|includegraphics|usepackage|documentclass"
    r"|bibliography\w*|[vh]space|input|include|pagestyle|thispagestyle|setlength|newcommand"
    r"|renewcommand|hypersetup|index)\*?(?:\[[^\]]*\])*(?:\{[^{}]*\})*"
)
_GROUP: Final = r"(?:\[[^\]]*\])*\s*\{(?:[^{}]|\{[^{}]*\})*\}(?:\[[^\]]*\])*\s*"
_BEFORE_TEXT: Final = re.compile(
    rf"\\(?:(?:href|textcolor|colorbox|color|foreignlanguage|parbox|scalebox|rotatebox){_GROUP}"
    rf"|(?:multicolumn|multirow|fcolorbox|resizebox|fontsize){_GROUP}{_GROUP}"
    r"|hyperref\[[^\]]*\]\s*(?=\{))"
)
"""A command with its arguments that are not text; the text is the argument that follows."""
_ENVIRONMENT: Final = re.compile(r"\\(?:begin|end)\{[^{}]*\}(?:\[[^\]]*\])?(?:\{[^{}]*\})?")
_ARGUMENT: Final = re.compile(r"\\[A-Za-z]+\*?(?:\[[^\]]*\])?\{([^{}]*)\}|\{([^{}\\]*)\}")
_COMMAND: Final = re.compile(r"\\[A-Za-z]+\*?(?:\[[^\]\n]*\])?[ \t]?")
_CELL_END: Final = re.compile(r"(?<!\\)[ \t]*&[ \t]*")
_NESTED: Final = 6


def read_latex(data: bytes) -> Iterator[Document]:
    r"""Yield the sections of a LaTeX file, with the headings above each in `heading`.

    Example:
        >>> [section] = read_latex(rb"\section{Boats} A \emph{boat} costs 5\% more~\cite{x}.")
        >>> section.metadata["heading"], section.page_content
        ('Boats', 'A boat costs 5% more.')
    """
    text = _COMMENT.sub("", decode(data))
    begin, _, body = text.partition(r"\begin{document}")
    text = (body or begin).partition(r"\end{document}")[0]
    pieces = _MATH.split(text)
    pieces[::2] = map(_plain, pieces[::2])
    for section in sections(re.sub(r"\n{3,}", "\n\n", "".join(pieces))):
        # the lines of the Markdown are not those of the file
        yield Document(section.page_content, metadata=section.metadata)


def _plain(text: str) -> str:
    text = _ACCENT.sub(lambda found: _accented(found[3] or found[4], found[1] or found[2]), text)
    text = _LETTER.sub(lambda found: _LETTERS[found[1]], text)
    text = _HEADING.sub(
        lambda found: f"\n\n{'#' * _LEVELS[found[1]]} {' '.join(found[2].split())}\n\n", text
    )
    text = _DROPPED.sub("", _BEFORE_TEXT.sub("", text)).replace("\\footnote{", " {Note: ")
    text = _ENVIRONMENT.sub("\n", text)
    text = re.sub(
        r"\\item\b(?:\[([^\]]*)\])?\s*",
        lambda found: f"\n- {found[1]} " if found[1] else "\n- ",
        text,
    )
    for _ in range(_NESTED):
        text = _ARGUMENT.sub(lambda found: found[1] if found[1] is not None else found[2], text)
    text = re.sub(r"\\\\(?:\[[^\]]*\])?[ \t]*", "\n", text)
    text = _CELL_END.sub(" | ", _COMMAND.sub("", text))
    text = re.sub(
        r"\\([%&_#${}\-/, ])", lambda found: found[1] if found[1] in "%&_#${} " else "", text
    )
    return (
        text.replace("~", " ")
        .replace("``", "“")
        .replace("''", "”")
        .replace("---", "—")
        .replace("--", "\u2013")
    )


def _accented(letter: str, accent: str) -> str:
    return unicodedata.normalize("NFC", letter + _ACCENTS[accent])
