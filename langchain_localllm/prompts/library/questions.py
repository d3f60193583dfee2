"""Ready prompts for questions about documents."""

from typing import Final

from langchain_localllm.prompts.prompt_pair import ready

QUESTION_ANSWERING: Final = ready(
    "Answer the question from the passages alone. Where they have numbers, name those that you "
    "used in brackets, such as [1]. If the passages do not tell, say: I don't know.",
    "{context}\n\nQuestion: {question}",
    "Answer:",
)
"""A question over passages: `context` and `question`."""

CITED_ANSWER: Final = ready(
    "Answer the question briefly, from the numbered sentences alone. After each statement write "
    "the number of the sentence that it comes from in brackets, such as [1]. If they do not "
    "contain the answer, say: The documents don't say.",
    "{passages}\n\nQuestion: {question}",
    "Answer:",
)
"""A question over passages whose sentences are numbered, answered with those numbers: `passages`
and `question`."""

COPIED_ANSWER: Final = ready(
    "Answer the question with a sentence from the passages and its number. If they do not tell, "
    "say: The passages do not tell.",
    "{passages}\n\nQuestion: {question}",
    "Answer:",
)
"""The same for models that only copy sentences, such as tiny-chat, which was trained on exactly
these words."""

QUESTION_MAP: Final = ready(
    "Copy the sentences of the passage that help to answer the question, word for word. If there "
    "are none, say: Nothing.",
    "{context}\n\nQuestion: {question}",
    "Sentences:",
)
"""What one of many passages says about a question: `context` and `question`."""

QUESTION_COMBINE: Final = ready(
    "Answer the question from these extracts of a long document alone. If they do not tell, say: "
    "I don't know.",
    "{summaries}\n\nQuestion: {question}",
    "Answer:",
)
"""An answer from what `QUESTION_MAP` found: `summaries` and `question`."""

QUESTION_FIRST: Final = ready(
    "Answer the question from the passage alone. If it does not tell, say: I don't know.",
    "{context_str}\n\nQuestion: {question}",
    "Answer:",
)
"""The first answer, which `QUESTION_REFINE` improves: `context_str` and `question`."""

QUESTION_REFINE: Final = ready(
    "You have an answer to a question, and one more passage. If the passage helps, write a better "
    "answer. If not, repeat the answer.",
    "Question: {question}\nAnswer so far: {existing_answer}\n\nPassage:\n{context_str}",
    "Better answer:",
)
"""A better answer with one more passage: `question`, `existing_answer` and `context_str`."""

QUESTION_WRITING: Final = ready(
    "Write one question that the text answers, and its answer, as JSON of this form:\n"
    '{{"question": "the question", "answer": "the answer"}}',
    "{text}",
    "JSON:",
)
"""A question and its answer for a reading test: `text`."""

CONDENSE_QUESTION: Final = ready(
    "Rewrite the last question so that it can be understood without the conversation. Write the "
    "question and nothing else.",
    "Conversation:\n{chat_history}\n\nLast question: {question}",
    "Question:",
)
"""A follow-up question rewritten as a standalone one: `chat_history` (a text) and `question`."""
