"""Where sentences end, in any script."""

import pytest

from langchain_localllm.rag.ingest.sentences import LONGEST_ORDINAL, ORDINAL, SENTENCE_END


@pytest.mark.parametrize(
    "text",
    [
        "Er endet am 31. Dezember 2026.|Die Kosten trägt Anna.",
        "Er endet am 31. 12. 2026.|Gut.",
        "Nicht am 5.|Anna kommt.",
        "Er endet am 31.|Die Kosten trägt Anna.",
        "Es war im 19. Jahrhundert.|Gut.",
        "Smith et al. (2020) show this.|It holds.",
        "It is by Smith et al.|The boat is not.",
        "Es gilt Art. 5 Abs. 2 DSGVO.|Gut.",
        "See Eq. 5 and Sec. 3.|It was signed on Dec. 31, 2026.",
        "z. B. Boote, d. h. Kähne, u. a. Annas.|Gut.",
        "Es kostet 5 Mio. Euro in der Hafenstr. 5.|Gut.",
        "Skončí 5. června.|Ano.",
        "1. Tea is hot.|2. Milk is not.",
        "Drinks:\n  10. Tea is hot.|It is black.",
        "The price is 14.|The boat leaks.",
        "It closes at 9:50 p.m.|Bring a torch.",
    ],
)
def test_sentence_end_is_found_after_whole_sentences(text: str) -> None:
    assert SENTENCE_END.split(text.replace("|", "\n")) == text.split("|")


def test_longest_ordinal_covers_all_nouns() -> None:
    words = ORDINAL.removesuffix(r"\b").removeprefix("(?:").removesuffix(")")
    assert max(len(word.translate(str.maketrans("", "", "(?:)"))) for word in words.split("|")) == (
        LONGEST_ORDINAL
    )
