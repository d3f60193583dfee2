"""The parts in LangChain's own chains, and conversations."""

from pathlib import Path

import pytest
from langchain_classic.chains import RetrievalQA, create_retrieval_chain
from langchain_classic.chains.combine_documents import create_stuff_documents_chain
from langchain_core.vectorstores import InMemoryVectorStore

from langchain_localllm import ChatLlamafile, Llamafile, LlamafileEmbeddings, LocalServer
from langchain_localllm.prompts.library import QUESTION_ANSWERING
from langchain_localllm.rag import LocalRAG

QUESTION = "How high is the hill?"


def test_local_rag_in_create_retrieval_chain(rag: LocalRAG, llm: ChatLlamafile) -> None:
    documents = create_stuff_documents_chain(
        llm, QUESTION_ANSWERING.get_prompt(llm).partial(question=QUESTION)
    )
    found = create_retrieval_chain(rag.retriever, documents).invoke({"input": QUESTION})
    assert found["context"][0].metadata["source"] == "notes/boats.md"
    assert found["answer"]


def test_local_rag_in_retrieval_qa(rag: LocalRAG, chat_server: LocalServer) -> None:
    text = Llamafile(base_url=chat_server.base_url, temperature=0, max_tokens=32)
    chain = RetrievalQA.from_chain_type(
        text,
        retriever=rag.retriever,
        return_source_documents=True,
        chain_type_kwargs={"prompt": QUESTION_ANSWERING.get_prompt(text)},
    )
    found = chain.invoke({"query": QUESTION})
    assert found["source_documents"][0].metadata["source"] == "notes/boats.md"
    assert found["result"]


async def test_local_rag_text_and_chat_models_answer_on_every_path(
    rag: LocalRAG, chat_server: LocalServer
) -> None:
    text = LocalRAG(
        Llamafile(base_url=chat_server.base_url, temperature=0, max_tokens=64),
        rag.store.embeddings,
        vectors=rag.store.vectors,
    )
    text.index("notes")
    for each in (rag, text):
        answer = each.ask(QUESTION)
        assert "143 metres" in answer.answer
        assert answer.citations[0].source == "notes/boats.md"
        assert answer.citations[0].quote == "The hill is 143 metres high."
        assert answer.tokens["completion"] > 5
        assert (await each.aask(QUESTION)).answer == answer.answer
        assert (
            "".join([part.get("answer", "") async for part in each.astream(QUESTION)])
            == answer.answer
        )
        assert [found["answer"] for found in each.batch([QUESTION] * 3)] == [answer.answer] * 3


def test_local_rag_follow_up_finds_the_subject_of_the_previous_question(rag: LocalRAG) -> None:
    history = [
        ("human", "What is the rowing boat called?"),
        ("ai", "The rowing boat is called Dunlin."),
    ]
    answer = rag.ask("How much does it cost for an afternoon?", history)
    assert answer.passages[0].metadata["heading"] == "Boats and walks > The rowing boat"


@pytest.mark.parametrize("mmr", [False, True])
def test_local_rag_accepts_any_vector_store(
    notes: Path, embeddings: LlamafileEmbeddings, llm: ChatLlamafile, mmr: bool
) -> None:
    mine = InMemoryVectorStore(embeddings)
    with LocalRAG(llm, embeddings, "index", vectors=mine, mmr=mmr) as rag:
        assert rag.index(notes).added == 6
        assert len(mine.store) == 22
        assert "143 metres" in rag.ask(QUESTION).answer
        assert rag.store.setting("vectors") == "custom"


async def test_local_rag_closed_stream_allows_the_next_question_at_once(rag: LocalRAG) -> None:
    for part in (stream := rag.stream(QUESTION)):
        if part.get("answer"):
            break
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    async for part in (parts := rag.astream(QUESTION)):
        if part.get("answer"):
            break
    await parts.aclose()  # type: ignore[attr-defined]  # as above
    assert "143 metres" in rag.ask(QUESTION).answer
