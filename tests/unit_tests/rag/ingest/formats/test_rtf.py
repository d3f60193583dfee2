"""RTF: what is not in the running text of a file."""

from langchain_localllm.rag.ingest.formats.rtf import read_rtf

FONTS = rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset204 Arial;}}"


def text_of(body: bytes, end: bytes = b"}") -> str:
    [document] = read_rtf(FONTS + body + end)
    return document.page_content


def test_read_rtf_notes_and_comments_are_where_they_are_referred_to() -> None:
    footnote = rb"{\footnote\pard\plain {\super\chftn } Since May.\par Or June.}"
    comment = rb"{\*\atnid AK}{\*\atnauthor Ann}\chatn{\*\annotation{\*\atnref 1}\pard Check this.}"
    text = text_of(rb"The boat" + footnote + rb" is blue" + comment + rb".\par")
    assert text == "The boat (Since May. Or June.) is blue (Check this.)."


def test_read_rtf_footnote_of_libreoffice_is_read() -> None:
    assert text_of(rb"Blue{\super\chftn{\*\footnote\chftn\pard Since May.}}.") == (
        "Blue (Since May.)."
    )


def test_read_rtf_headers_and_footers_come_last_and_once() -> None:
    headers = rb"{\header\pard Island Times\par}{\headerf\pard\b Island Times\par}"
    footer = rb"{\footerr{\f1 \'cb\'e8\'e4\'fb}\par}"
    text = text_of(headers + footer + rb"{\headerl\pard\par}The boat is blue.\par")
    assert text == "The boat is blue.\n\nIsland Times\n\nЛиды"


def test_read_rtf_text_box_comes_after_its_paragraph() -> None:
    shape = rb"{\shp{\*\shpinst{\sp{\sn a}{\sv 1}}{\shptxt\pard In a box.\par}}{\shprslt old}}"
    word6 = rb"{\*\do{\dptxbxtext\pard In an old box.\par}}"
    assert text_of(rb"The " + shape + rb"boat.\par Next." + word6).split("\n") == [
        "The boat.",
        "In a box.",
        "",
        "Next.",
        "In an old box.",
    ]


def test_read_rtf_deleted_text_is_left_out() -> None:
    body = rb"{\b\deleted Gone }{\deleted0 kept }{\revised new}{\header{\deleted Old}}\par"
    assert text_of(body) == "kept new"


def test_read_rtf_file_that_is_cut_is_read_up_to_there() -> None:
    assert text_of(rb"The boat{\footnote Since May", b"") == "The boat (Since May)"
    assert text_of(rb"The boat.} {\header after the end}", b"") == "The boat."


def test_read_rtf_pairs_of_surrogates_and_bullets_of_a_font_are_text() -> None:
    assert text_of(rb"\u-10240?\u-8398?\uc0\u-3913 x\par") == "\U00010332 x"


def test_read_rtf_thousands_of_groups_in_each_other_are_read() -> None:
    depth = 20_000  # took a minute while each group's words were read again
    assert text_of(rb"{\b a;" * depth + b"}" * depth) == "a;" * depth
