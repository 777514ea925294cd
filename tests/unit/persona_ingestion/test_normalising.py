"""One way to write a text, and the language it is written in."""

from __future__ import annotations

import unicodedata

import pytest

from tasks.persona_ingestion.languages import detect_language, passage_language
from tasks.persona_ingestion.normalising import normalise


@pytest.mark.parametrize(
    ("text", "language", "normal"),
    [
        pytest.param("Şi ţara, ŞŢ", "ro", "Și țara, ȘȚ", id="cedillas become commas in Romanian"),
        pytest.param(
            unicodedata.normalize("NFD", "Şi ţâță"), "ro", "Și țâță", id="also when letter and mark are apart"
        ),
        pytest.param("Şi țara", "ro", "Și țara", id="mixes become one"),
        pytest.param("şeker, İşte", "tr", "şeker, İşte", id="Turkish keeps its cedillas"),
        pytest.param("şi ţară", "und", "și țară", id="ţ tells Romanian where the language is unknown"),
        pytest.param("şeker", "und", "şeker", id="ş alone does not"),
        pytest.param("e\u0301te\u0301", "fr", "été", id="letters are composed"),
        pytest.param("ﬁne oﬃce", "en", "fine office", id="ligatures are letters"),
        pytest.param("co\u00adoperate\u200b \ufeffnow\x07", "en", "cooperate now", id="what is invisible goes"),
        pytest.param("می\u200cخواهم \u200cرا\u200c", "fa", "می\u200cخواهم را", id="Persian keeps its non-joiners"),
        pytest.param("क्\u200dष", "hi", "क्\u200dष", id="Indic letters keep their joiners"),
        pytest.param("👩\u200d💻 ❤\ufe0f\u200d\u200d🔥", "en", "👩\u200d💻 ❤\ufe0f\u200d🔥", id="emoji stay one sign"),
        pytest.param("Auf\u200clage, și\u200dr", "de", "Auflage, șir", id="other joiners are invisible"),
        pytest.param("half a \ud800pair\udc00", "en", "half a pair", id="halves of a surrogate pair go"),
        pytest.param("a\u00a0b\u2003c\t d ", "en", "a b c d", id="every space is one space"),
        pytest.param(
            "  one\r\n\ttwo\r\n\r\n three\x0cfour", "en", "one\ntwo\nthree\nfour", id="lines stay, indents go"
        ),
        pytest.param(" \n \t", "en", "", id="nothing stays nothing"),
    ],
)
def test_a_text_is_written_in_one_way(text: str, language: str, normal: str) -> None:
    assert normalise(text, language) == normal
    assert normalise(normal, language) == normal


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Şi dacă ramuri bat în geam şi se cutremur plopii, e ca în minte să te am", "ro"),
        ("Imbraca-te in doliu, frumoasa Bucovina, cu cipru verde-ncinge antica fruntea ta", "ro"),
        ("Once upon a midnight dreary, while I pondered, weak and weary", "en"),
        ("Longtemps, je me suis couché de bonne heure, et mes yeux se fermaient vite", "fr"),
        ("12345 67890 12345 67890 12345", "und"),
        ("", "und"),
    ],
)
def test_the_language_is_told_from_the_text(text: str, language: str) -> None:
    assert detect_language(text) == language


def test_a_text_that_is_too_short_to_tell_is_in_the_language_that_its_file_declares() -> None:
    assert detect_language("Adio", declared="ro") == "ro"


ROMANIAN = "Şi dacă ramuri bat în geam şi se cutremur plopii, e ca în minte să te am şi-ncet să te apropii."
TURKISH = "Bu akşam deniz kıyısında oturup uzun uzun konuştuk, sonra şehre doğru yavaş yavaş yürüdük."
ENGLISH = "Once upon a midnight dreary, while I pondered, weak and weary, over many a quaint volume of lore."
CROATIAN = "Sva ljudska bića rađaju se slobodna i jednaka u dostojanstvu i pravima, obdarena razumom i sviješću."


@pytest.mark.parametrize(
    ("passage", "of_work", "language"),
    [
        pytest.param(ENGLISH, "en", "en", id="that of the work, mostly"),
        pytest.param(ROMANIAN, "en", "ro", id="its own where it leaves no doubt"),
        pytest.param(ENGLISH, "und", "en", id="its own where nobody knows the work's"),
        pytest.param("Nevermore.", "ro", "ro", id="the work's where it is short"),
        pytest.param("12345 67890 " * 4, "ro", "ro", id="the work's where it has no words"),
        pytest.param(CROATIAN, "sr", "sr", id="the work's where the two are too alike to tell"),
    ],
)
def test_a_passage_is_in_a_language_of_its_own(passage: str, of_work: str, language: str) -> None:
    assert passage_language(passage, of_work) == language


@pytest.mark.parametrize(
    ("text", "of_work", "normal"),
    [
        pytest.param(ROMANIAN, "en", ROMANIAN.replace("ş", "ș").replace("Ş", "Ș"), id="Romanian in an English work"),
        pytest.param(TURKISH, "ro", TURKISH, id="Turkish in a Romanian work"),
    ],
)
def test_a_passage_is_written_as_its_own_language_is(text: str, of_work: str, normal: str) -> None:
    assert normalise(text, of_work) == normal
