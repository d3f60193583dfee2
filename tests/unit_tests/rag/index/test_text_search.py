"""Words are found in the scripts and forms that people write."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding

from langchain_localllm.rag import LocalRAG
from langchain_localllm.rag.index.catalog import Catalog, FileEntry, StagedChunk
from langchain_localllm.rag.index.text_search import (
    VERSION,
    content_words,
    misspelled_in,
    plain_letters,
    stems_in,
    terms_by_stem,
)

FOUND = {  # what is searched for, the passage that has it, and one that shares nothing with it
    "Chinese": ("船的颜色是什么?", "那条船的颜色是蓝色。", "钥匙挂在门边。"),
    "Chinese, one character": ("船", "这条船是蓝色的。", "钥匙挂在门边。"),
    "Japanese": ("船は何色ですか?", "この船は青いです。", "鍵はドアのそばにあります。"),
    "Japanese, narrow kana": ("ﾄﾞｱの鍵", "ドアの鍵は古い。", "船は青い。"),
    "Thai": ("เรือสีอะไร", "เรือลำนี้สีฟ้า", "กุญแจแขวนอยู่ข้างประตู"),
    "Lao": ("ເຮືອຢູ່ໃສ", "ເຮືອມີສີຟ້າ", "ກະແຈແຂວນຂ້າງປະຕູ"),
    "Khmer": ("ទូកនៅឯណា", "ទូកនេះពណ៌ខៀវ", "សោព្យួរក្បែរទ្វារ"),
    "Burmese": ("လှေအရောင်", "လှေသည် အပြာရောင်ဖြစ်သည်။", "သော့ကို တံခါးနားတွင် ချိတ်ထားသည်။"),
    "Korean, other ending": (
        "언덕은 얼마나 높습니까?",
        "언덕의 높이는 143미터이다.",
        "열쇠가 문 옆에 걸려 있다.",
    ),
    "Hindi": ("नाव का रंग क्या है?", "यह नाव नीली है।", "चाबी दरवाज़े के पास टंगी हुई।"),
    "Arabic, article": ("أين سفينة الصيد؟", "السفينة زرقاء.", "المفتاح معلق بجانب الباب."),
    "Arabic, vowel signs": ("كتاب", "هذا كِتَابٌ قديم.", "المفتاح معلق بجانب الباب."),
    "Hebrew, points": ("שלום", "אמר שָׁלוֹם והלך.", "המפתח תלוי ליד הדלת."),
    "Greek, accents": ("ποιο ειναι το χρωμα;", "Το χρώμα της βάρκας.", "Κλειδί δίπλα στην πόρτα."),
    "Russian, other ending": ("Какого цвета лодка?", "У лодки два весла.", "Ключ висит у двери."),
    "Turkish, endings": (
        "Kayık hangi renk?",
        "Kayığın rengi mavi, kayıklarımız eski.",
        "Anahtar kapının yanında.",
    ),
    "Spanish, accents": ("donde esta el camion", "El camión está en la calle.", "Una llave vieja."),
    "French, ligature": ("coeur", "Il a bon cœur.", "La clé est vieille."),
    "Danish letters": ("Sobjerg", "Søbjerg er en by.", "Nøglen er gammel."),
    "German, sz": ("Strasse", "Die Straße ist lang.", "Der Schlüssel ist alt."),
    "German, end of a compound": (
        "Wo liegt das Boot?",
        "Ein Ruderboot liegt für die Gäste am Steg.",
        "Der Schlüssel ist alt.",
    ),
    "German, beginning of a compound": (
        "Was ist am Hafen?",
        "Die Hafenmauer ist für Gäste gesperrt.",
        "Er ist müde.",
    ),
    "German, parts of a compound": (
        "Was kostet ein Segelboot?",
        "Ein Boot mit Segel für zwei Gäste.",
        "Der Schlüssel ist alt.",
    ),
    "Dutch, end of a compound": (
        "Waar is onze boot?",
        "Wij huren een zeilboot van hout.",
        "Zij zoeken de sleutel.",
    ),
    "English, PDF ligature": ("efficient", "An e\ufb03cient boat.", "The key is old."),
    "wide letters": ("\uff22\uff2f\uff21\uff34", "The boat is blue.", "The key is old."),
}


def catalog_of(*texts: str, language: str = "") -> Catalog:
    catalog = Catalog(None)
    catalog.stage(StagedChunk(str(at), str(at), 0, text, {}) for at, text in enumerate(texts))
    catalog.finish(
        map(str, range(len(texts))), [FileEntry(str(at), "") for at in range(len(texts))]
    )
    catalog.write_settings(language=language)
    return catalog


@pytest.mark.parametrize(("question", "passage", "other"), FOUND.values(), ids=FOUND)
def test_catalog_search_finds_words_as_they_are_written(
    question: str, passage: str, other: str
) -> None:
    assert catalog_of(other, passage).search(question, 1) == ["1"]


def test_catalog_search_uses_the_language_of_the_index_where_the_question_shows_none() -> None:
    texts = ("Der Schlüssel ist alt.", "Ein Ruderboot liegt für die Gäste am Steg.")
    assert catalog_of(*texts, language="de").search("Boot", 2) == ["1"]
    assert catalog_of(*texts).search("Boot", 2) == []


def test_catalog_search_exact_word_comes_before_other_forms() -> None:
    catalog = catalog_of(
        "Tres barcos en la bahía.", "Esta barca en la bahía.", "Una llave.", language="es"
    )
    assert catalog.search("¿Qué barca?", 3)[0] == "1"


def test_catalog_frequencies_count_every_form_of_a_word() -> None:
    catalog = catalog_of(
        "Ein Boot ist hier.",
        "Ein Ruderboot ist hier.",
        "Die Boote für uns.",
        *["Der Schlüssel ist alt."] * 9,
    )
    terms = terms_by_stem("Wo liegt das Boot?")
    assert catalog.frequencies(terms.values())[1][terms["boot"]] == 3


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Große Cafés", "grosse cafes"),
        ("cafe\u0301", "cafe"),
        ("İstanbul, ılık", "istanbul, ilik"),
        ("ΧΡΏΜΑ χρώμα", "χρωμα χρωμα"),
        ("ガギグ", "ガギグ"),  # these marks make other letters
        ("हिन्दी", "हिन्दी"),
        ("5 m²", "5 m²"),
    ],
)
def test_plain_letters_removes_accents_only(text: str, plain: str) -> None:
    assert plain_letters(text) == plain


def test_stems_in_other_forms_count_in_other_languages_than_english() -> None:
    words = content_words("Das Ruderboot liegt im Hafenbecken.")
    assert stems_in({"boot", "haf", "hafen", "schlüssel"}, words, "de") == {"boot", "hafen"}
    assert stems_in({"boot", "hafen"}, words, "en") == set()


def test_index_of_an_earlier_version_gets_the_words_on_its_next_run(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(
        "Dunlin: 열쇠가 문 옆에 걸려 있다.\n\n언덕의 높이는 143미터이다.", encoding="utf-8"
    )

    class Counted(DeterministicFakeEmbedding):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            calls.extend(texts)
            return super().embed_documents(texts)

    calls: list[str] = []
    embeddings = Counted(size=8)
    with LocalRAG(None, embeddings, tmp_path / "index", vectors="sqlite", chunk_size=60) as rag:
        rag.index(tmp_path / "a.txt")
    # as an earlier version wrote it
    with closing(sqlite3.connect(tmp_path / "index" / "catalogue.sqlite")) as db, db:
        db.execute("DELETE FROM setting WHERE name = 'word_rules'")
        db.execute("DROP TABLE word")
        db.execute(
            "CREATE VIRTUAL TABLE word USING fts5 (text, tokenize = 'porter unicode61 "
            "remove_diacritics 2')"
        )
        db.execute("INSERT INTO word (rowid, text) SELECT number, text FROM passage")
    with LocalRAG(None, embeddings, tmp_path / "index") as rag:
        assert rag.store.catalog.search("언덕은", 2) == []
        assert rag.store.catalog.search("Dunlin", 2) != []  # it keeps working
        assert "localllm rag index" in rag.store.old_words()
        calls.clear()
        rag.index()
        assert not [text for text in calls if "언덕" in text]
        assert (rag.store.catalog.word_rules, rag.store.old_words()) == (VERSION, "")
        [found] = rag.store.catalog.search("언덕은", 2)
        assert "143" in rag.store.catalog.documents([found])[found].page_content


@pytest.mark.parametrize(
    ("stem", "word", "is_alike"),
    [
        ("ghandi", "gandhi", True),
        ("lincon", "lincoln", True),
        ("linncoln", "lincoln", True),
        ("linkoln", "lincoln", True),
        ("licnoln", "lincoln", True),
        ("linkon", "lincoln", True),
        ("lynkom", "lincoln", False),
        ("boast", "boats", True),
        ("bosta", "boats", False),  # two errors in a short word
        ("guarantte", "guarantee", True),
        ("gaurentee", "guarantee", True),
        ("gorentee", "guarantee", False),
        ("kind", "king", False),
        ("andre", "sandre", False),
        ("12345", "12346", False),
        ("boats", "boat", True),
    ],
)
def test_misspelled_in_word_of_a_passage_is_found_if_few_letters_differ(
    stem: str, word: str, *, is_alike: bool
) -> None:
    assert misspelled_in({stem}, {"harbor", word}) == ({stem} if is_alike else set())
