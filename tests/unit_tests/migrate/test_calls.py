"""Calls that LangChain 1 took out are changed where the name can only be a model."""

import pytest

from langchain_localllm.migrate import migrate_code

HEAD = "from langchain_localllm import ChatOllama, Ollama, OllamaEmbeddings\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("llm = Ollama()\nllm('x')\n", "llm = Ollama()\nllm.invoke('x')\n"),
        ("llm: Ollama = Ollama()\nllm('x')\n", "llm: Ollama = Ollama()\nllm.invoke('x')\n"),
        (
            "with Ollama() as llm:\n    llm('x', stop=['a'])\n",
            "with Ollama() as llm:\n    llm.invoke('x', stop=['a'])\n",
        ),
        ("a = b = Ollama()\nb.predict(a('x'))\n", "a = b = Ollama()\nb.invoke(a.invoke('x'))\n"),
        (
            "chat = ChatOllama()\nchat.predict('x')\n",
            "chat = ChatOllama()\nchat.invoke('x').text\n",
        ),
        (
            "llm = Ollama()\nllm = ChatOllama()\nllm('x')\n",
            "llm = Ollama()\nllm = ChatOllama()\nllm.invoke('x')\n",
        ),
        ("Ollama(model='a')('x')\n", "Ollama(model='a').invoke('x')\n"),
        ("ChatOllama().predict('x')\n", "ChatOllama().invoke('x').text\n"),
        (
            "llm = Ollama() if x else ChatOllama()\nllm('x')\n",
            "llm = Ollama() if x else ChatOllama()\nllm.invoke('x')\n",
        ),
    ],
)
def test_migrate_call_of_a_model_is_changed(before: str, after: str) -> None:
    done = migrate_code(HEAD + before)
    assert done.code == HEAD + after
    assert done.notes == ()


@pytest.mark.parametrize(
    "code",
    [
        "llm = Ollama()\nllm = print\nllm('x')\n",
        "llm = Ollama()\nfor llm in []:\n    llm('x')\n",
        "llm, other = 1, 2\nllm = Ollama()\nllm('x')\n",
        "llm = Ollama()\ndef f(llm): llm('x')\n",
        "llm = Ollama()\ndef llm(): pass\nllm('x')\n",
        "llm = Ollama()\nllm(prompt='x')\n",
        "llm = Ollama()\nllm('x', ['stop'])\n",
        "llm = Ollama()\nllm(*arguments)\n",
        "llm = Ollama()\nllm.predict_messages([])\n",
        "llm = Ollama()\nllm = ChatOllama()\nllm.predict('x')\n",
        "def f(llm: Ollama): llm('x')\n",
        "def f(llm=None):\n    llm = llm or Ollama()\n    return llm.predict('x')\n",
        "async def f():\n    chat = ChatOllama()\n    await chat.apredict('x')\n",
    ],
)
def test_migrate_call_that_is_not_known_is_noted_and_left(code: str) -> None:
    done = migrate_code(HEAD + code)
    assert done.code == HEAD + code
    assert [note.by_hand for note in done.notes] == [True]
    assert ".invoke(...)" in done.notes[0].text


@pytest.mark.parametrize(
    "code",
    ["v = OllamaEmbeddings()\nv('x')\n", "other('x')\n", "llm = Ollama()\nllm.invoke('x')\n"],
)
def test_migrate_other_calls_are_left(code: str) -> None:
    done = migrate_code(HEAD + code)
    assert (done.code, done.notes) == (HEAD + code, ())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("db.as_retriever().get_relevant_documents(q)\n", "db.as_retriever().invoke(q)\n"),
        ("r.get_relevant_documents(query=q)\n", "r.invoke(input=q)\n"),
        (
            "async def f(r, q):\n    return await r.aget_relevant_documents(q)\n",
            "async def f(r, q):\n    return await r.ainvoke(q)\n",
        ),
    ],
)
def test_migrate_call_of_a_retriever_is_changed(before: str, after: str) -> None:
    done = migrate_code(HEAD + before)
    assert (done.code, done.notes) == (HEAD + after, ())


@pytest.mark.parametrize("arguments", ["q, callbacks=c", "*q", "text=q", ""])
def test_migrate_call_of_a_retriever_with_other_arguments_is_noted(arguments: str) -> None:
    code = f"{HEAD}r.get_relevant_documents({arguments})\n"
    done = migrate_code(code)
    assert done.code == code
    assert "`.invoke(query)`" in done.notes[0].text


def test_migrate_method_that_the_file_defines_is_left() -> None:
    code = (
        f"{HEAD}class R:\n    def get_relevant_documents(self, q): return []\n"
        "R().get_relevant_documents(1)\n"
    )
    assert (migrate_code(code).code, migrate_code(code).notes) == (code, ())
