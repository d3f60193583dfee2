"""Measure how often a sentence is recognized as supported by its passages.

Measured is also how often one that is not supported is.

`python -m benchmarks.rag_support XQUAD.json` takes the English part of XQuAD
(https://github.com/google-deepmind/xquad). Sentences are made from its questions and answers. The
constants of `rag.answer.support` were chosen on one half of the articles (`--tuning`), and the
other half is reported. `--write` puts the table into docs/rag.md.
"""

import argparse
import json
import random
import re
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from langchain_core.documents import Document

from benchmarks.rag import write_table
from langchain_localllm.rag.answer.citations import number_sentences
from langchain_localllm.rag.answer.support import SupportFinder

_OTHERS: Final = 2
"""Other paragraphs of the article among the passages."""
_QUESTION_WORDS: Final = re.compile(
    r"\b(?:(?:in|on|at|by|to|for|of|from|with) )?(?:"
    r"how (?:many|much|long|old|far|often|large|big|high|tall)(?: \w+)?"
    r"|what (?:year|day|city|country|type of \w+|kind of \w+|is|was|are|were)?"
    r"|which \w+|who(?:se|m)?|what|where|when|why|how)\b",
    re.IGNORECASE,
)


class Case(NamedTuple):
    """A sentence, with the passages, and the sentence that supports it if one does."""

    question: str
    sentence: str
    passages: list[str]
    right: str = ""


def make_statement(question: str, answer: str) -> str:
    """Return the question with the answer in place of its question word.

    Example:
        >>> make_statement("Who led the team in sacks?", "Kawann Short")
        'Kawann Short led the team in sacks.'
    """
    text = (
        _QUESTION_WORDS.sub(lambda _: answer, question, count=1)
        if _QUESTION_WORDS.search(question)
        else f"{question} {answer}"
    )
    return f"{text[0].upper()}{text[1:]}".rstrip("? ") + "."


def _cases(articles: Sequence[Any]) -> Iterator[tuple[str, Case]]:
    rng = random.Random(1)  # noqa: S311 - a choice of sentences, not a secret
    answers = [
        each["answers"][0]["text"]
        for article in articles
        for part in article["paragraphs"]
        for each in part["qas"]
    ]
    for article in articles:
        texts = [part["context"] for part in article["paragraphs"]]
        for place, part in enumerate(article["paragraphs"]):
            others = texts[:place] + texts[place + 1 :]
            passages = [texts[place], *rng.sample(others, min(_OTHERS, len(others)))]
            rng.shuffle(passages)
            without = rng.sample(others, min(_OTHERS + 1, len(others)))
            sentences = number_sentences([Document(texts[place])])[0]
            here = [each["answers"][0]["text"] for each in part["qas"]]
            for asked in part["qas"]:
                question, answer = asked["question"], asked["answers"][0]["text"]
                right = next((sentence for sentence in sentences if answer in sentence), "")
                if not right:
                    continue
                stated = make_statement(question, answer)
                yield "supported: sentence of the passage", Case(question, right, passages, right)
                yield "supported: statement", Case(question, stated, passages, right)
                yield "supported: the answer alone", Case(question, answer, passages, right)
                yield "not: sentence of another paragraph", Case(question, right, without)
                yield "not: statement about another paragraph", Case(question, stated, without)
                if number := re.search(r"\d+", right):
                    changed = str(int(number[0]) + rng.choice([1, 2, 3, 7, 10]))
                    yield (
                        "not: changed number",
                        Case(
                            question,
                            right[: number.start()] + changed + right[number.end() :],
                            passages,
                        ),
                    )
                other = make_statement(question, rng.choice(answers))
                yield (
                    "not: statement with an answer of any article",
                    Case(question, other, passages),
                )
                alike = [
                    each
                    for each in here
                    if _has_digit(each) == _has_digit(answer)
                    and each not in answer
                    and answer not in each
                ]
                if alike:
                    swapped = make_statement(question, rng.choice(alike))
                    yield (
                        "not: statement with another answer of the same paragraph",
                        Case(question, swapped, passages),
                    )


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _measure(case: Case) -> tuple[bool, bool]:
    """Return whether the sentence counts as supported, and whether the right sentence was found."""
    documents = [Document(text) for text in case.passages]
    sentences = number_sentences(documents)
    found = SupportFinder(documents, sentences, case.question).find(case.sentence)
    if found is None or not found.number:
        return False, False
    texts = [sentence for each in sentences for sentence in each]
    return found.supported, texts[found.number - 1] == case.right


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("xquad", type=Path)
    parser.add_argument(
        "--tuning",
        action="store_true",
        help="use the half of the articles that the constants were chosen on",
    )
    parser.add_argument("--write", action="store_true", help="write the table into docs/rag.md")
    asked = parser.parse_args()
    articles = list(json.loads(asked.xquad.read_text(encoding="utf-8"))["data"])
    random.Random(0).shuffle(articles)  # noqa: S311 - an order, not a secret
    measured: dict[str, list[tuple[bool, bool]]] = {}
    for name, case in _cases(articles[0 if asked.tuning else 1 :: 2]):
        measured.setdefault(name, []).append(_measure(case))
    heads = ("sentence", "sentences", "counted as supported", "right sentence found")
    rows = []
    for name, found in measured.items():
        supported, right = (statistics.fmean(column) for column in zip(*found, strict=True))
        rows.append(
            (
                name,
                str(len(found)),
                f"{supported:.1%}",
                f"{right:.1%}" if name.startswith("supported") else "",
            )
        )
    for row in sorted(rows, key=lambda row: row[0].startswith("not")):
        print(" | ".join(row))
    if asked.write:
        write_table("support", heads, sorted(rows, key=lambda row: row[0].startswith("not")))


if __name__ == "__main__":
    main()
