"""Read questions with known answers from a file, or generate them from the documents."""

import json
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.runnables import Runnable

from langchain_localllm.errors import DocumentError
from langchain_localllm.prompts.library import QUESTION_WRITING
from langchain_localllm.rag.answer.chain import is_extractive
from langchain_localllm.rag.answer.citations import number_sentences
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.text_search import content_words

_MOST: Final = 40
"""The most questions that are generated; up to half as many unanswerable ones are added."""
_LEAST_WORDS: Final = 5
"""The fewest words of a sentence for a cloze question."""
_GAP: Final = re.compile(r"\b(\d[\d.:,]*\d|\d|(?<!^)[A-Z][a-z]+(?: [A-Z][a-z]+)*)\b")
"""What is left out of a cloze sentence: a number, or a name that does not begin the sentence."""
_OBJECT: Final = re.compile(r"\{.*\}", re.DOTALL)
_UNANSWERED: Final = (
    *(
        "Who is the dentist?",
        "Who is the astronaut?",
        "How far away is Jupiter?",
        "What is the capital of Mongolia?",
    ),
    *(
        "Who wrote Hamlet?",
        "How fast does a cheetah run?",
        "What is the boiling point of helium?",
        "Who invented the zipper?",
    ),
    *(
        "When did the Roman Empire fall?",
        "How many strings has a violin?",
        "What do pandas eat?",
        "Who painted the Mona Lisa?",
    ),
)
"""Questions that most documents do not answer; those that share a word with the index are
skipped."""


@dataclass(frozen=True, slots=True)
class Question:
    """Hold a question and its expected answer.

    Attributes:
        question: The question.
        answers: Accepted answers; empty if the documents do not answer the question.
        source: The end of the path of the file with the answer.
        quote: Words of the passage with the answer. Default: any passage that contains an answer.
    """

    question: str
    answers: tuple[str, ...] = ()
    source: str = ""
    quote: str = ""


def read_questions(path: Path) -> list[Question]:
    """Read a file of JSON lines.

    Each line is `{"question": ..., "answers": [...], "source": ..., "quote": ...}`; all but the
    question is optional.

    Raises:
        DocumentError: The file cannot be read, or a line is not a question.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path}: it cannot be read ({error}).") from error
    found = [_question(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise DocumentError(f"{path}: it holds no question.")
    return found


def _question(path: Path, number: int, line: str) -> Question:
    try:
        fields = json.loads(line)
        answers = fields.get("answers", fields.get("answer")) or []
        question = str(fields["question"]).strip()
    except (AttributeError, KeyError, ValueError) as error:
        raise DocumentError(
            f'{path}, line {number}: it is not a question ({error!r}). Write JSON: {{"question": '
            f'"...", "answers": ["..."]}}'
        ) from error
    if not question:
        raise DocumentError(f"{path}, line {number}: the question is empty.")
    given = [answers] if isinstance(answers, str) else answers
    return Question(
        question,
        tuple(map(str, given)),
        str(fields.get("source", "")),
        str(fields.get("quote", "")),
    )


def write_questions(path: Path, questions: Iterable[Question]) -> None:
    """Write a file that `read_questions` reads."""
    path.write_text(
        "".join(f"{json.dumps(asdict(each), ensure_ascii=False)}\n" for each in questions),
        encoding="utf-8",
    )


def make_questions(
    store: Store, llm: Runnable[Any, Any] | None = None, most: int = _MOST, seed: int = 1
) -> list[Question]:
    """Generate questions from the documents of an index, and add some that they do not answer.

    A model writes one question per passage. Without a model, or with an extractive one, cloze
    questions are generated: a number or a name is left out of a sentence.

    Args:
        store: The index.
        llm: The model that writes the questions.
        most: How many questions to generate at most.
        seed: The seed for choosing passages.

    Raises:
        DocumentError: No question can be generated from these documents.
    """
    passages = [passage for batch in store.catalog.batches() for passage in batch]
    random.Random(seed).shuffle(passages)  # noqa: S311 - a choice of passages, not a secret
    write = _gaps if llm is None or is_extractive(llm) else _writer(llm)
    made: list[Question] = []
    for passage in passages:
        if len(made) >= most:
            break
        made += write(passage)
    if not made:
        raise DocumentError(
            "No questions can be generated from these documents. Write some into a file of "
            "JSON lines."
        )
    unanswered = [question for question in _UNANSWERED if not store.catalog.search(question, 1)]
    return [*made[:most], *(Question(question) for question in unanswered[: most // 2])]


def _gaps(passage: Document) -> Iterator[Question]:
    """Yield a cloze question for the first sentence of a passage that has a number or a name."""
    for sentence in number_sentences([passage])[0]:
        match = _GAP.search(sentence)
        if match and len(content_words(sentence)) >= _LEAST_WORDS:
            question = (
                f"What is missing here: {sentence[: match.start()]}...{sentence[match.end() :]}"
            )
            yield Question(question, (match[1], sentence), passage.metadata["source"], sentence)
            return


def _writer(llm: Runnable[Any, Any]) -> Any:
    chain = QUESTION_WRITING.get_prompt(llm) | llm | StrOutputParser()

    def write(passage: Document) -> Iterator[Question]:
        match = _OBJECT.search(chain.invoke({"text": passage.page_content}))
        try:
            written = json.loads(match[0]) if match else {}
            yield Question(
                str(written["question"]),
                (str(written["answer"]),),
                passage.metadata["source"],
                passage.page_content,
            )
        except (KeyError, TypeError, ValueError):
            return  # the model did not write valid JSON: skip this passage

    return write
