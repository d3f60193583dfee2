"""Questions about the handbook with a real embedding model and a real chat model."""

from pathlib import Path

from langchain_localllm import ChatLlamaCpp, LlamaCppEmbeddings
from langchain_localllm.rag import LocalRAG
from tools.engines.real_models import MINILM, SMOLLM2

HANDBOOK = Path(__file__).parents[3] / "docs" / "handbook"
QUESTIONS = {
    "What does a lost key cost?": "12 kroner",
    "Who is the skipper of the ferry?": "Tobiah Wrenshall",
}


def test_questions_are_answered_from_the_passages(tmp_path: Path) -> None:
    with (
        ChatLlamaCpp(model_path=SMOLLM2, n_ctx=2048, temperature=0, max_tokens=32) as chat,
        LlamaCppEmbeddings(model_path=MINILM) as embeddings,
    ):
        rag = LocalRAG(chat, embeddings, tmp_path / "index", vectors="sqlite")
        rag.index(HANDBOOK / "arriving.md")
        for question, answer in QUESTIONS.items():
            found = rag.ask(question)
            assert any(answer in passage.page_content for passage in found.passages)
            assert answer in found.answer
