"""Numbers for the sentences of passages, so that an answer can say where it comes from."""

import re
from collections.abc import Iterable

from langchain_core.documents import Document

# A sentence ends before a space, a line's end, or at once in Chinese and Japanese; not after initials and these short forms.
_SENTENCE_END = re.compile(
    r"(?<!\b(?:Mr|Ms|Dr|St|No|vs)\.)(?<!\b(?:Mrs|e\.g|i\.e)\.)(?<!\b[A-Z]\.)"
    r"(?:(?<=[.!?…])|(?<=[.!?…][\"\u201d\u2019)]))\s+(?=[^a-z])|(?<=[\u3002\uff01\uff1f])|\n+"
)
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d+[.)])\s+")
_MARKER = re.compile(r"\[(\d+)\]")


def number_sentences(passages: Iterable[Document]) -> list[list[str]]:
    r"""The sentences of each passage; they are numbered from 1, on through all passages.

    A line of a list is a sentence, without its bullet.

    Example:
        >>> number_sentences([Document("Dr. Ames is in. Knock twice."), Document("- soup\n- bread")])
        [['Dr. Ames is in.', 'Knock twice.'], ['soup', 'bread']]
    """
    return [_sentences(passage.page_content) for passage in passages]


def format_passages(passages: Iterable[Document]) -> str:
    """The passages for the prompt, each sentence on a line of its own with its number.

    Example:
        >>> print(format_passages([Document("The boat is blue. It leaks."), Document("The key is old.")]))
        [1] The boat is blue.
        [2] It leaks.
        <BLANKLINE>
        [3] The key is old.
    """
    blocks: list[str] = []
    number = 0
    for sentences in number_sentences(passages):
        blocks.append("\n".join(f"[{number + place}] {sentence}" for place, sentence in enumerate(sentences, 1)))
        number += len(sentences)
    return "\n\n".join(blocks)


def cited_passages(answer: str, passages: Iterable[Document]) -> list[tuple[int, Document]]:
    """The numbers in an answer, each with the passage that holds its sentence; a number that stands for nothing is left out.

    Example:
        >>> passages = [Document("The boat is blue. It leaks."), Document("The key is old.")]
        >>> [(number, passage.page_content) for number, passage in cited_passages("[3] The key is old.", passages)]
        [(3, 'The key is old.')]
    """
    passages = list(passages)
    owners = [passage for passage, sentences in zip(passages, number_sentences(passages), strict=True) for _ in sentences]
    numbers = dict.fromkeys(int(marker) for marker in _MARKER.findall(answer))
    return [(number, owners[number - 1]) for number in numbers if 0 < number <= len(owners)]


def _sentences(text: str) -> list[str]:
    parts = (_BULLET.sub("", part).strip() for part in _SENTENCE_END.split(text))
    return [part for part in parts if part]
