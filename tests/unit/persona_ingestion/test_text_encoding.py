"""How the encoding of a text file is told, and what happens to lines that do not fit it."""

from __future__ import annotations

import io
import random

import pytest

from spine.errors import InvalidInputError
from tasks.persona_ingestion.reading.items import LONGEST_BLOCK, Trouble
from tasks.persona_ingestion.reading.text_encoding import detect_encoding
from tasks.persona_ingestion.reading.text_lines import Line, read_lines

SAMPLES = {
    "romanian": "Şi dacă ramuri bat în geam\nŞi se cutremur plopii,\nE ca în minte să te am\nŞi-ncet să te apropii.\n",
    "romanian without î and ţ": "Oraşul de pe mal părea că a rămas fără lumină, şi valurile lui câte-şi luau, lăsau.\n",
    "portuguese": "A 1.ª edição do livro, de 2ª mão, está no 3.º andar, nº 5; lá fazem 21 ºC, e não há visão do mar.\n",
    "french": "Être ou ne pas être, voilà la question. L'été dernier, à la plage, les garçons jouaient : ça va.\n",
    "german": "Über allen Gipfeln ist Ruh, in allen Wipfeln spürest du kaum einen Hauch; die Vöglein. Größe\n",
    "spanish": "En un lugar de la Mancha, de cuyo nombre no quiero acordarme. ¿Qué pasó mañana con el niño?\n",
    "polish": "Litwo! Ojczyzno moja! ty jesteś jak zdrowie; Ile cię trzeba cenić, ten tylko się dowie, Kto stracił.\n",
    "hungarian": "Hazádnak rendületlenűl légy híve, oh magyar; Bölcsőd az s majdan sírod is, mely ápol s eltakar.\n",
    "czech": "Byl pozdní večer, první máj, byl lásky čas. Hrdliččin zval ku lásce hlas, kde borový zaváněl háj. Žiť.\n",
}


@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        *(
            (language, encoding)
            for language in SAMPLES
            for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
        ),
        *((language, "latin-1") for language in ("french", "german", "spanish", "portuguese")),
        *((language, "cp1252") for language in ("french", "german", "spanish", "portuguese")),
        *((language, "iso8859-2") for language in ("romanian", "polish", "hungarian", "czech", "german")),
        *((language, "cp1250") for language in ("romanian", "polish", "hungarian", "czech", "german")),
        *(("romanian without î and ţ", encoding) for encoding in ("iso8859-2", "cp1250")),
        ("french", "utf-32"),
    ],
)
@pytest.mark.parametrize("times", [1, 300])
def test_a_text_reads_the_same_whatever_it_was_written_in(language: str, encoding: str, times: int) -> None:
    text = SAMPLES[language] * times
    file = io.BytesIO(text.encode(encoding))
    assert file.getvalue().decode(detect_encoding(file)).lstrip("\ufeff") == text
    assert file.tell() == 0


CHINESE = "我家的后面有一个很大的园，相传叫作百草园。现在是早已并屋子一起卖给朱文公的子孙了。\n"
TRADITIONAL = "我家的後面有一個很大的園，相傳叫作百草園。現在是早已並屋子一起賣給朱文公的子孫了。\n"
KOREAN = "죽는 날까지 하늘을 우러러 한 점 부끄럼이 없기를, 잎새에 이는 바람에도 나는 괴로워했다.\n"
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。ニャーニャー泣いていた。\n"
MULTIBYTE = [
    ("gb18030", CHINESE),
    ("gbk", "床前明月光，疑是地上霜。\n举头望明月，低头思故乡。\n"),
    ("gbk", "A few words of English, among them 世界, and no more.\n"),
    ("big5", TRADITIONAL),
    ("big5", "床前明月光，疑是地上霜。\n舉頭望明月，低頭思故鄉。\n"),
    ("euc_kr", KOREAN),
    ("cp949", "사랑해 믿을게 똠방각하 봄이 왔다\n"),
    ("euc_jp", JAPANESE),
    ("shift_jis", JAPANESE),
    ("shift_jis", "愛している\n"),
]
OTHER_SCRIPTS = [
    ("cp1251", "Я помню чудное мгновенье: передо мной явилась ты, как мимолетное виденье.\n"),
    ("koi8_r", "Я помню чудное мгновенье: передо мной явилась ты, как мимолетное виденье.\n"),
    ("cp1253", "Σαν πας στον πηγαιμό για την Ιθάκη, να εύχεσαι νάναι μακρύς ο δρόμος\n"),
    ("cp1256", "قفا نبك من ذكرى حبيب ومنزل بسقط اللوى بين الدخول فحومل\n"),
    ("cp874", "สวัสดีครับ ผมเป็นกวี รักชาติ ศาสน์ กษัตริย์\n"),
]


@pytest.mark.parametrize(("encoding", "text"), [*MULTIBYTE, *OTHER_SCRIPTS])
@pytest.mark.parametrize("times", [1, 50, 2_000])
def test_a_text_in_another_script_reads_the_same_too(encoding: str, text: str, times: int) -> None:
    file = io.BytesIO((text * times).encode(encoding))
    assert file.getvalue().decode(detect_encoding(file)) == text * times


@pytest.mark.parametrize(
    "text",
    [
        *(text for _, text in OTHER_SCRIPTS),
        CHINESE,
        TRADITIONAL,
        KOREAN,
        JAPANESE,
        "Однажды 12 января\n",
        "一是一，二是二 12\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("times", [1, 2_000])
def test_utf_16_without_its_mark_is_read_in_any_script(text: str, encoding: str, times: int) -> None:
    file = io.BytesIO((text * times).encode(encoding))
    assert detect_encoding(file) == encoding


@pytest.mark.parametrize(("encoding", "text"), [("gbk", CHINESE), ("big5", TRADITIONAL), ("euc_kr", KOREAN)])
def test_broken_bytes_in_a_multibyte_text_cost_their_own_line(encoding: str, text: str) -> None:
    content = b"plain words\n" * 100_000 + text.encode(encoding) * 20 + b"\xff\xff\n" + text.encode(encoding)
    read = lines(content, detect_encoding(io.BytesIO(content)))
    assert [line.number for line in read if isinstance(line, Line)] == [*range(1, 100_021), 100_022]
    assert isinstance(read[100_020], Trouble)
    assert read[100_021] == Line(100_022, text.strip())


def test_a_foreign_letter_late_in_a_long_file_still_counts() -> None:
    content = b"plain words\n" * 200_000 + "Şi dacă ramuri bat în geam şi ţipă".encode("iso8859-2")
    assert detect_encoding(io.BytesIO(content)) == "iso8859_2"


def test_a_letter_that_falls_on_the_border_of_two_pieces_is_whole() -> None:
    content = b"a" * ((1 << 20) - 1) + "ș".encode() + b"a" * 100
    assert detect_encoding(io.BytesIO(content)) == "utf-8"


def test_a_stray_zero_byte_is_a_control_character_like_others() -> None:
    assert (
        detect_encoding(io.BytesIO(("Şi dacă ramuri\0 bat în geam\n" + "Şi se cutremur plopii\n" * 20).encode()))
        == "utf-8"
    )


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 20, id="a picture"),
        pytest.param(random.Random(1).randbytes(5_000), id="noise"),
        pytest.param(b"\x7fELF\x02\x01\x01" + b"\0" * 500, id="a program"),
        pytest.param(random.Random(1).randbytes(5_000).replace(b"\xd8", b"\0"), id="noise with zeros"),
        pytest.param(b"namefilecodelinetimepath\0\0\0 " * 200, id="words of a program"),
        pytest.param(b"\x01\x02\x03\x04words" * 50, id="control characters"),
    ],
)
def test_what_is_not_text_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInputError, match="is not text"):
        detect_encoding(io.BytesIO(content))


def lines(content: bytes, encoding: str = "utf-8") -> list[Line | Trouble]:
    return list(read_lines(io.BytesIO(content), encoding))


def test_a_line_with_bytes_that_do_not_fit_is_named_and_the_rest_is_read() -> None:
    content = "ăî unu\n".encode() * 20 + b"doi \xff\xfe\n" + "trei ș".encode()
    file = io.BytesIO(content)
    read = lines(content, detect_encoding(file))
    assert read[20] == Trouble("holds bytes that are not utf-8", line=21)
    assert read[21] == Line(22, "trei ș")


@pytest.mark.parametrize("broken", [b"\x81", b"\x8d", b"\x9d", b"\x81\x8d\x9d"])
def test_bytes_that_no_code_page_has_cost_their_own_line(broken: bytes) -> None:
    content = (SAMPLES["french"] * 2).encode("cp1252") + b"l'\xe9t\xe9 " + broken + b" ici\nfin"
    read = lines(content, detect_encoding(io.BytesIO(content)))
    assert read[0] == Line(1, SAMPLES["french"].strip())
    assert read[2:] == [Trouble("holds bytes that are not cp1252", line=3), Line(4, "fin")]


def test_bytes_that_another_code_page_has_are_its_letters() -> None:
    assert detect_encoding(io.BytesIO("šťastná loď, já a ty\n".encode("cp1250"))) == "cp1250"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_on_any_system(end: str) -> None:
    assert lines(f"one{end}two{end}{end}three".encode()) == [
        Line(1, "one"),
        Line(2, "two"),
        Line(3, ""),
        Line(4, "three"),
    ]


def test_a_line_without_end_comes_in_bounded_pieces_that_do_not_cut_words() -> None:
    text = " ".join(f"word{number}" for number in range(20_000))
    read = [line for line in lines(text.encode() + b"\nnext") if isinstance(line, Line)]
    assert max(len(line.text) for line in read) <= 2 * LONGEST_BLOCK
    assert "".join(line.text for line in read if line.number == 1) == text
    assert read[-1] == Line(2, "next")
    assert all(line.text.split(" ")[0].startswith("word") for line in read[:-1])
