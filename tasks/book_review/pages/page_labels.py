"""The words by which shops name the facts of a book and the roles of its makers, in the languages of the shops."""

from __future__ import annotations

import re
from typing import Literal

from tasks.book_review.pages.page_text import fold

Fact = Literal["publisher", "publication_date", "language", "pages", "isbn_10", "isbn_13", "isbn", "asin"]

_LABELS: dict[Fact, str] = {
    "publisher": """
        Publisher | Published by | Publishing house | Herausgeber | Verlag | Verlag/Herausgeber | Éditeur |
        Maison d'édition | Editorial | Editor | Editora | Editore | Casa editrice | Uitgever | Uitgeverij | Wydawca |
        Wydawnictwo | Utgivare | Förlag | Yayıncı | Yayınevi | Yayımcı | 出版社 | 発行元 | 出版 | Udgiver | Forlag |
        Kustantaja | Editură | Editura | Nakladatel | Nakladatelství | Kiadó | Εκδότης | Издательство | الناشر""",
    "publication_date": """
        Publication date | Date published | Published | Published on | Release date | Pub date | Erscheinungstermin |
        Erscheinungsdatum | Veröffentlichungsdatum | Date de publication | Date de parution | Parution |
        Date de sortie | Fecha de publicación | Fecha de lanzamiento | Data di pubblicazione | Data di uscita |
        Data da publicação | Data de publicação | Data de lançamento | Publicatiedatum | Verschijningsdatum |
        Data publikacji | Data wydania | Data premiery | Utgivningsdatum | Publiceringsdatum | Utgiven |
        Yayınlanma Tarihi | Yayın Tarihi | Yayımlanma Tarihi | Basım Tarihi | 発売日 | 出版日 | 発行年月日 | 出版日期 |
        Udgivelsesdato | Utgivelsesdato | Julkaisupäivä | Data publicării | Datum vydání | Megjelenés |
        Дата издания | تاريخ النشر""",
    "language": """
        Language | Languages | Sprache | Sprachen | Langue | Langues | Idioma | Idiomas | Lingua | Taal | Język |
        Språk | Dil | Dili | 言語 | 语言 | 語言 | 语种 | Sprog | Kieli | Limba | Jazyk | Nyelv |
        Γλώσσα | Язык | اللغة""",
    "pages": """
        Print length | Number of pages | Page count | Pages | Seitenzahl der Print-Ausgabe | Seitenzahl | Seiten |
        Seitenanzahl | Anzahl Seiten | Umfang | Nombre de pages de l'édition imprimée | Nombre de pages |
        Nombre de pages de l'édition papier | Longueur d'impression | Pagination | Longitud de impresión |
        Número de páginas | N.º de páginas | Nº de páginas | Páginas | Lunghezza stampa | Numero di pagine | Pagine |
        Número de páginas da edição impressa | Comprimento de impressão | Quantidade de páginas | Printlengte |
        Aantal pagina's | Aantal bladzijden | Pagina's | Długość wydania | Długość druku | Liczba stron |
        Liczba stron wydania papierowego | Antal sidor | Tryckt längd | Utskriftslängd | Sidantal |
        Baskı Uzunluğu | Basılı Uzunluk | Sayfa Sayısı | 本の長さ | ページ数 | 印刷版ページ数 | 页数 | 纸书页数 |
        Sideantal | Antall sider | Sivumäärä | Număr de pagini | Nr. pagini | Počet stran | Oldalszám |
        Количество страниц | عدد الصفحات""",
    "isbn_10": "ISBN-10 | ISBN10 | ISBN 10",
    "isbn_13": "ISBN-13 | ISBN13 | ISBN 13 | EAN | EAN-13 | EAN/ISBN | GTIN-13",
    "isbn": "ISBN | ISBN/EAN | ISBN-Nummer | Code ISBN | Codice ISBN | Código ISBN",
    "asin": "ASIN",
}

_PAGE_WORDS = (
    "pages|page|pp|p|seiten|seite|s|paginas|pagina|pag|pagine|pagina's|bladzijden|blz|stron|strony|strona|str|sidor|"
    "sida|sid|sayfa|ページ|頁|页|頁數|sider|sivua|pagini|stran|oldal|σελιδες|страниц|صفحة|صفحات"
)
_PAGES_VALUE = re.compile(rf"(\d{{1,3}}(?:[.,\s]\d{{3}}){{1,3}}|\d{{1,5}})\s*(?:{fold(_PAGE_WORDS)})\b")

_AUTHOR_ROLES = (
    "Author | Authors | Autor | Autora | Autor/a | Autor(a) | Autoren | Autorin | Autores | Auteur | Auteure | "
    "Autrice | Auteurs | Autore | Autori | Verfasser | Verfasserin | Schrijver | Schrijfster | Autorka | Författare | "
    "Författaren | Yazar | Yazarı | 著 | 著者 | 作者 | 原著 | Writer | Forfatter | Kirjailija | Szerző | Συγγραφέας | "
    "Автор | تأليف | المؤلف | 作家"
)
# Beginnings of words; whoever is named so helped to make the book without being its author.
_OTHER_ROLES = (
    "translat | ubersetz | traduc | tradut | tradutt | vertal | vertaa | tłumacz | przekład | oversatt | "
    "oversaett | cevir | 翻訳 | 訳 | 译 | illustr | ilustr | cizer | resim | イラスト | 絵 | 挿絵 | 作画 | 画 | "
    "editor | editeur | herausgeb | hrsg | redakt | redact | curat | a cura | uitgever | duzenle | derle | 編 | 監修 | "
    "主编 | sous la dir | direct | narrat | sprecher | erzahl | lu par | lettore | lector | locut | voz | voce | "
    "verteller | upplas | inlas | seslendir | ナレーション | 朗読 | reader | preface | prefa | foreword | vorwort | "
    "voorwoord | avant-propos | prolog | introd | einleit | einfuhr | inleiding | forord | onsoz | afterword | "
    "nachwort | postfa | epilog | nawoord | 解説 | 序文 | 前書き | photo | foto | zdjecia | 写真 | 撮影 | contribut | "
    "mitwirk | avec la | colabor | collabor | medewerk | bidrag | katki | wspol | wspolaut | artist | kunstl | cover | "
    "umschlag | couverture | portada | copertin | design | adapt | compil | zusammenst | comment | komment | annot | "
    "composer | compos | letter | colorist | colour | inker | pencil | consult | produc | perform | actor | series | "
    "publisher | creator | arrang | with"
)


def _table(text: str) -> list[str]:
    return [fold(word) for word in text.split("|") if fold(word)]


_FACT_OF_LABEL: dict[str, Fact] = {label: fact for fact, words in _LABELS.items() for label in _table(words)}
_AUTHORS = frozenset(_table(_AUTHOR_ROLES))
_OTHERS = tuple(_table(_OTHER_ROLES))
_ROLE_SEPARATORS = re.compile(r"[,;/&、，・]|\band\b|\bund\b|\bet\b|\by\b|\be\b")


def fact_of_label(label: str) -> Fact | None:
    """What a row with this label tells, in whatever language the label is."""
    return _FACT_OF_LABEL.get(fold(label))


def pages_in(value: str) -> int | None:
    """The page count when the value is one, such as `288 Seiten`; the label (`Taschenbuch`) does not matter."""
    match = _PAGES_VALUE.match(fold(value))
    return int(re.sub(r"\D", "", match[1])) if match else None


def is_author_role(role: str) -> bool:
    """True when one of the roles is that of author: `Author, Illustrator` counts."""
    whole = fold(role)
    return whole in _AUTHORS or any(part.strip() in _AUTHORS for part in _ROLE_SEPARATORS.split(whole))


def is_other_role(role: str) -> bool:
    """True for a role known to be another than author."""
    return fold(role).startswith(_OTHERS)
