"""What an editor approves on the review page is what the site publishes."""

from __future__ import annotations

import re

import pytest

from gateway.pages.article_html import article_html
from tasks.book_review.publish.post_html import post_html

ARTICLES = [
    pytest.param('<script>x</script> Text with [ok](https://example.org "t")', id="a line that begins with a script"),
    pytest.param("<!-- more --> Footnote ~~strike~~", id="a line that begins with a comment"),
    pytest.param('<p align="center">**Verdict:** [the shop](https://shop.example/x).</p>', id="a paragraph in HTML"),
    pytest.param("<div>\n\n1871 and **bold**\n\n</div>", id="an element around paragraphs"),
    pytest.param("a <- b <c> and H<sub>2</sub>O", id="signs and tags in a line"),
    pytest.param("x &lt;img src=a &amp; &copy; &nbsp;y", id="entities"),
    pytest.param("5. five\n6. six\n\n- a\n  - b", id="lists"),
    pytest.param("# T\n\n## U\n\n#### V", id="an outline that begins at its first level"),
    pytest.param("## T\n\n### U\n\n## V", id="an outline that begins at its second"),
    pytest.param("### T\n\n##### U\n\n###### V", id="an outline that begins below"),
    pytest.param("T\n===\n\n## U", id="a heading that is underlined"),
    pytest.param("a *b* **c** `d` ~~e~~  \nf\ng", id="phrases and breaks"),
    pytest.param("> said\n\n```py\n<b>\n```\n\n---", id="quotation, code and rule"),
    pytest.param("| a | b |\n|:--|--:|\n| 1 | 2 |", id="a table"),
    pytest.param("[x](/a) [y](HTTPS://A.example/b) <me@a.example> [z](http:///a) [v](ftp://a.example)", id="links"),
    pytest.param("![a cover](http://a.example/i.png)", id="an image that the site does not load"),
]

INDENT = re.compile(r"(?<=<h)[1-6](?=>)|(?<=</h)[1-6](?=>)")


def published(markdown: str) -> str:
    """The post without what keeps the site from acting on it, which no reader sees."""
    return post_html(markdown).replace("&#91;", "[").replace("&#93;", "]").replace("&#58;//", "://")


def as_read(html: str, top: int) -> str:
    """HTML as its reader sees it: with headings counted from `top`, and wrapped lines joined."""
    counted = INDENT.sub(lambda level: str(int(level.group()) - top), html)
    same = re.sub(r' rel="[^"]*"', "", counted).replace("<s>", "<del>").replace("</s>", "</del>")
    return " ".join(same.split())


def highest(html: str) -> int:
    return min((int(level) for level in INDENT.findall(html)), default=0)


@pytest.mark.parametrize("markdown", ARTICLES)
def test_an_article_is_published_as_it_was_shown_when_it_was_approved(markdown: str) -> None:
    page, post = str(article_html(markdown)), published(markdown)
    assert as_read(post, highest(post)) == as_read(page, highest(page))
