"""Whether an index holds an answer, with vectors that count letters: a model that knows spelling
and nothing else."""

from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

from langchain_localllm.rag import HybridRetriever, LocalRAG
from langchain_localllm.rag.index import threshold as module
from langchain_localllm.rag.index.off_topic_questions import QUESTIONS
from langchain_localllm.rag.index.store import Store
from langchain_localllm.rag.index.text_search import terms_by_stem

HARBOR = """The ferry Dunlin leaves the jetty at noon. Its skipper is Odalys Fenn.

The smithy mends anchors and chains for the fishing fleet.

The warden of the lighthouse polishes the lamp each evening and winds its clockwork.

Rowing boats are hired from the shed behind the chapel, for 14 marks an afternoon.

Cairn Hill is 143 meters high, and from its top the whole bay can be seen.

The pantry of the hostel is kept in the cellar, with barrels of herring and flour.
"""
ANSWERABLE = [
    "When does the ferry Dunlin leave the jetty?",
    "Who is the skipper of the Dunlin?",
    "What does the smithy mend?",
    "How high is Cairn Hill?",
    "What can be hired behind the chapel?",
]
OFF_TOPIC = [
    "Which enzyme cuts the plasmid?",
    "Who coached the basketball squad in overtime?",
    "What does the parliament debate about pensions?",
    "How many transistors has the processor?",
    "Which composer dedicated a symphony to Napoleon?",
]


class Letters(Embeddings):
    """How often each letter is in a text."""

    calls = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        self.calls += 1
        return [1.0 + text.lower().count(letter) for letter in "abcdefghijklmnopqrstuvwxyz"]


class Shifted(Letters):
    """The same, with all cosines above 0.9."""

    def embed_query(self, text: str) -> list[float]:
        return [*super().embed_query(text), 60.0]


@pytest.fixture(params=[Letters, Shifted])
def rag(request: pytest.FixtureRequest, tmp_path: Path) -> LocalRAG:
    (tmp_path / "harbor.txt").write_text(HARBOR)
    made = LocalRAG(None, request.param(), chunk_size=100)
    made.index(tmp_path)
    return made


def refused(retriever: HybridRetriever, questions: list[str]) -> int:
    return sum(not retriever.invoke(question) for question in questions)


def test_retriever_question_off_the_topic_is_refused_and_others_are_not(rag: LocalRAG) -> None:
    assert refused(rag.retriever, ANSWERABLE) == 0
    assert refused(rag.retriever, OFF_TOPIC) >= 3


def test_retriever_refusal_quantile_zero_refuses_nothing_and_others_refuse_their_share(
    rag: LocalRAG,
) -> None:
    counts = []
    for quantile in (0.0, 0.5, 0.9):
        rag.retriever.refusal_quantile = quantile
        counts.append(refused(rag.retriever, QUESTIONS["en"]))
    assert counts[0] == 0
    assert counts == sorted(counts)
    assert (
        counts[1] >= 24
    )  # half of those by which it is measured, less those whose vector alone is near


def test_is_answerable_quantile_moves_the_threshold(rag: LocalRAG) -> None:
    with rag.store.writing():
        scores = [number / 10 for number in range(64)]
        rag.store.catalog.write_settings(
            off_topic={"passages": 6, "weight": 10.0, "best_similarity": 1.0, "scores": scores}
        )
    evidence = module.Evidence([0.5], [0.5])  # a score of 5.5
    assert [
        module.is_answerable(rag.store, evidence, quantile) for quantile in (0.0, 0.5, 0.8, 0.9)
    ] == [True, True, True, False]


@pytest.mark.parametrize("question", ["Why?", "What is it?", "船"])
def test_retriever_question_without_words_of_its_own_does_not_fail(
    rag: LocalRAG, question: str
) -> None:
    rag.retriever.invoke(question)


def test_retriever_nearer_than_all_off_topic_questions_needs_no_common_word(rag: LocalRAG) -> None:
    measured = rag.store.setting("off_topic")
    far, near = (
        module.Evidence([similarity], [0.0])
        for similarity in (measured["scores"][0] - 0.01, measured["best_similarity"] + 1e-6)
    )
    assert not module.is_answerable(rag.store, far)
    assert module.is_answerable(rag.store, near)
    assert not module.is_answerable(rag.store, module.Evidence([], []))


def test_retriever_common_words_and_a_middling_cosine_are_not_enough(rag: LocalRAG) -> None:
    measured = rag.store.setting("off_topic")
    similarity = measured["best_similarity"] - 1e-6
    some, few = (module.Evidence([similarity], [coverage]) for coverage in (0.25, 0.24))
    with rag.store.writing():
        rag.store.catalog.write_settings(
            off_topic=measured | {"scores": [0.0] * len(measured["scores"])}
        )
    assert module.is_answerable(rag.store, some)
    assert not module.is_answerable(rag.store, few)


def test_calibrate_index_measured_by_an_earlier_version_is_measured_on_its_next_run(
    rag: LocalRAG,
) -> None:
    measured = rag.store.setting("off_topic")
    with rag.store.writing():
        rag.store.catalog.write_settings(
            off_topic={name: measured[name] for name in measured if name != "version"}
        )
    rag.index()
    assert rag.store.setting("off_topic") == measured


def test_evidence_rare_words_count_more_than_common_ones(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.txt").write_text(
            f"The boat number {number} is old." + (" Zanzibar." if number == 7 else "")
        )
    rag = LocalRAG(None, Letters())
    rag.index(tmp_path)
    documents = {
        document.page_content: document
        for batch in rag.store.catalog.batches()
        for document in batch
    }
    worded = [document.id or "" for document in documents.values()][:12]

    def coverage(text: str) -> float:
        document = documents[text]
        assert document.id
        found = module.find_evidence(
            rag.store, "Is the boat in Zanzibar?", {}, [document.id], {document.id: document}
        )
        return found.coverages[0]

    assert worded
    assert coverage("The boat number 7 is old. Zanzibar.") == pytest.approx(1.0)
    assert coverage("The boat number 8 is old.") < 0.1


def test_evidence_of_an_index_of_one_passage_counts_its_words(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The boat is blue.")
    rag = LocalRAG(None, Letters())
    rag.index(tmp_path)
    [[document]] = rag.store.catalog.batches()
    found = module.find_evidence(
        rag.store, "What color is the boat?", {}, [str(document.id)], {str(document.id): document}
    )
    assert 0.25 < found.coverages[0] < 0.5


def test_evidence_question_word_counts_as_a_common_one(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Die Fähre heißt Dunlin und legt am Mittag ab.")
    rag = LocalRAG(None, Letters())
    rag.index(tmp_path)
    [[document]] = rag.store.catalog.batches()

    def coverage(question: str) -> float:
        found = module.find_evidence(
            rag.store, question, {}, [str(document.id)], {str(document.id): document}
        )
        return found.coverages[0]

    assert coverage("Warum legt die Dunlin ab?") > 0.9
    assert coverage("Morgen legt die Dunlin ab?") < 0.75  # a word about the subject


def test_evidence_misspelled_word_counts_half_unless_the_index_has_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("The skipper of the Dunlin is Fenwick.")
    (tmp_path / "b.txt").write_text("A cousin of his is named Fenwack.")
    rag = LocalRAG(None, Letters())
    rag.index(tmp_path)
    documents = {
        str(document.id): document for batch in rag.store.catalog.batches() for document in batch
    }
    [skipper] = [key for key, document in documents.items() if "Dunlin" in document.page_content]

    def coverage(question: str) -> float:
        return module.find_evidence(rag.store, question, {}, [skipper], documents).coverages[0]

    assert coverage("Fenwick?") == pytest.approx(1.0)
    assert coverage("Fenwcik?") == pytest.approx(0.5)
    assert coverage("Fenwack?") == 0.0  # a word of the other file
    assert coverage("Fenton?") == 0.0


def test_evidence_words_of_the_neighboring_passages_count_half(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "The ferry is named Dunlin.\n\nIt leaves at noon.\n\nThe lamp is lit at dusk."
    )
    (tmp_path / "b.txt").write_text("The skipper is Odalys Fenn.")
    rag = LocalRAG(None, Letters(), chunk_size=30)
    rag.index(tmp_path)
    documents = {
        str(document.id): document for batch in rag.store.catalog.batches() for document in batch
    }
    [noon] = [key for key, document in documents.items() if "noon" in document.page_content]

    def coverage(question: str) -> float:
        return module.find_evidence(rag.store, question, {}, [noon], documents).coverages[0]

    assert coverage("What leaves at noon?") == pytest.approx(1.0)
    assert coverage("Is it the Dunlin?") == pytest.approx(0.5)  # one passage before
    assert coverage("Where is the lamp?") == pytest.approx(0.5)  # one passage after
    assert coverage("Who is the skipper?") == 0.0  # in another file


def test_calibrate_runs_again_only_after_enough_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    evidence_of = module._evidence_of

    def counted(store: Store, question: str) -> module.Evidence:
        measured.append(question)
        return evidence_of(store, question)

    monkeypatch.setattr(module, "_evidence_of", counted)
    many = len(QUESTIONS["en"])

    def write(numbers: range, word: str = "old") -> None:
        for number in numbers:
            (tmp_path / f"{number}.txt").write_text(f"The boat number {number} is {word}.")

    write(range(20))
    rag = LocalRAG(None, Letters())
    rag.index(tmp_path)
    assert len(measured) == many
    embeddings = rag.store.embeddings
    assert isinstance(embeddings, Letters)
    before = embeddings.calls
    rag.index()
    assert (len(measured), embeddings.calls) == (many, before)  # a second run costs nothing
    write(range(20, 22))
    rag.index()
    assert len(measured) == many
    write(range(22, 25))
    rag.index()
    assert len(measured) == 2 * many  # together with the two before, a fifth of all
    write(range(6), "new")
    rag.index()
    assert len(measured) == 3 * many
    for number in range(10):
        (tmp_path / f"{number}.txt").unlink()
    rag.index()
    assert len(measured) == 4 * many


def test_calibrate_index_of_an_earlier_version_finds_everything_until_its_next_run(
    rag: LocalRAG,
) -> None:
    with rag.store.writing():
        rag.store.catalog.write_settings(off_topic=None)
    assert refused(rag.retriever, OFF_TOPIC) == 0
    rag.index()
    assert refused(rag.retriever, OFF_TOPIC) >= 3


def test_retriever_vector_store_that_scores_by_distance_refuses_the_same(tmp_path: Path) -> None:
    from langchain_localllm.rag.vectorstores.sqlite import SQLiteVectors

    class Distances(SQLiteVectors):
        def similarity_search_with_score(
            self, *args: Any, **kwargs: Any
        ) -> list[tuple[Document, float]]:
            found = super().similarity_search_with_score(*args, **kwargs)
            return [(document, 1 - score) for document, score in found]

    (tmp_path / "harbor.txt").write_text(HARBOR)
    rag = LocalRAG(None, Letters(), vectors=Distances(Letters()), chunk_size=100)
    rag.index(tmp_path)
    assert refused(rag.retriever, ANSWERABLE) == 0
    assert refused(rag.retriever, OFF_TOPIC) >= 3


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ["The boat is blue."]),
        ("en", ["Skibet er blåt."]),
        ("en", ["def run(self): return 1"]),
        ("de", ["Das Boot ist blau.", "Der Schlüssel hängt an der Tür.", "A word of English."]),
        ("fr", ["Le bateau est bleu et la clé est près de la porte."]),
        ("es", ["El barco es azul y la llave está en la puerta."]),
        ("it", ["La barca è blu e la chiave è alla porta."]),
        ("pt", ["O barco é azul e a chave está na porta."]),
        ("ro", ["Barca este albastră și cheia este lângă ușă."]),
        ("tr", ["Tekne mavidir ve anahtar kapının yanında asılıdır."]),
        ("vi", ["Chiếc thuyền màu xanh và chìa khóa treo cạnh cửa."]),
        ("ru", ["Лодка синяя, и ключ висит в доме."]),
        ("uk", ["Човен синій, і ключ висить біля дверей."]),
        ("ar", ["القارب أزرق والمفتاح معلق بجانب الباب."]),
        ("el", ["Η βάρκα είναι μπλε και το κλειδί κρέμεται δίπλα στην πόρτα."]),
        ("hi", ["नाव नीली है और चाबी दरवाज़े के पास लटकी है।"]),
        ("th", ["เรือเป็นสีน้ำเงิน และกุญแจแขวนอยู่ข้างประตู"]),
        ("zh", ["这条船是蓝色的。"]),
        ("ja", ["この船は青いです。"]),
        ("ko", ["배는 파란색이고 열쇠는 문 옆에 걸려 있습니다."]),
    ],
)
def test_calibrate_asks_questions_in_the_language_of_the_passages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, texts: list[str]
) -> None:
    asked: list[str] = []

    def recorded(_store: Store, question: str) -> module.Evidence:
        asked.append(question)
        return module.Evidence([0.1], [0.1])

    monkeypatch.setattr(module, "_evidence_of", recorded)
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.txt").write_text(text)
    LocalRAG(None, Letters()).index(tmp_path)
    assert asked == QUESTIONS[language]


def test_terms_by_stem_of_chinese_are_pairs_of_characters() -> None:
    assert terms_by_stem("船是蓝色") == {"船 是": '"船 是"', "是 蓝": '"是 蓝"', "蓝 色": '"蓝 色"'}
