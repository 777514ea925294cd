"""Ranks sentences and phrases by how much of a text they carry. Same input, same order; no model."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tasks.book_review.facts.lexicon import all_stopwords
from tasks.book_review.writing.text_units import fold, sentences, words

Vector = Mapping[str, float]
_DAMPING = 0.85
_ROUNDS = 30
_LONGEST_GRAPH = 300  # sentences; ranking is quadratic in them
_PHRASE_WORDS = 3
_SHORTEST_ALONE = 4  # letters; shorter words alone are seldom a subject
_REPEATED_SHAPE = (1.0, 1.6, 2.2)  # weight of a phrase by its words
_SINGLE_SHAPE = (1.0, 1.3, 0.8)


def content_words(text: str) -> list[str]:
    """Folded words that carry meaning: no function words, no bare numbers, no single letters."""
    return [
        word
        for word in map(fold, words(text))
        if word not in all_stopwords() and not word.isdigit() and (len(word) > 2 or not word.isascii())
    ]


def vectors(texts: Sequence[str]) -> list[Vector]:
    """A TF-IDF vector of length one for each text; empty for a text without content words."""
    counts = [Counter(content_words(text)) for text in texts]
    spread = Counter(word for count in counts for word in count)
    total = len(texts)
    weighted = [
        {word: (1 + math.log(n)) * math.log((1 + total) / (0.5 + spread[word])) for word, n in count.items()}
        for count in counts
    ]
    return [_unit(vector) for vector in weighted]


def similarity(first: Vector, second: Vector) -> float:
    """Cosine of two unit vectors, 0 to 1."""
    if len(first) > len(second):
        first, second = second, first
    return sum(weight * second[word] for word, weight in first.items() if word in second)


def centrality(texts: Sequence[str]) -> list[float]:
    """TextRank: how much each text shares with the others. One score per text, they add up to 1.

    Texts after the three-hundredth get 0: what matters on a page stands before that.
    """
    ranked = vectors(texts[:_LONGEST_GRAPH])
    links = _links(ranked)
    count = len(ranked)
    scores = [1 / count] * count if count else []
    for _ in range(_ROUNDS):
        scores = [
            (1 - _DAMPING) / count + _DAMPING * sum(scores[other] * share for other, share in links[here])
            for here in range(count)
        ]
    return scores + [0.0] * (len(texts) - count)


def relevance(texts: Sequence[str], query: str) -> list[float]:
    """How close each text is to a query, 0 to 1."""
    *found, asked = vectors([*texts, query])
    return [similarity(vector, asked) for vector in found]


def diverse(texts: Sequence[str], scores: Sequence[float], limit: int, *, trade: float = 0.7) -> list[int]:
    """Maximal marginal relevance: numbers of up to `limit` texts, best first, each unlike those before it.

    `trade` is the weight of the score against likeness. Near-copies (cosine over 0.85) are never both chosen.
    """
    found = vectors(texts)
    top = max(scores, default=0.0) or 1.0
    likeness = [0.0] * len(texts)
    left = [number for number in range(len(texts)) if found[number]]
    chosen: list[int] = []
    while left and len(chosen) < limit:
        best = max(left, key=lambda n: (trade * scores[n] / top - (1 - trade) * likeness[n], -n))
        chosen.append(best)
        for number in left:
            likeness[number] = max(likeness[number], similarity(found[number], found[best]))
        left = [number for number in left if number != best and likeness[number] <= 0.85]
    return chosen


def best_sentences(text: str, limit: int, query: str = "") -> list[str]:
    """The sentences that say most of a text (and of the query), in the order of the text."""
    pool = list(dict.fromkeys(sentences(text)))
    scores = centrality(pool)
    if query:
        top = max(scores, default=0.0) or 1.0
        scores = [score / top + asked for score, asked in zip(scores, relevance(pool, query), strict=True)]
    return [pool[number] for number in sorted(diverse(pool, scores, limit))]


def key_phrases(texts: Iterable[str], limit: int) -> list[str]:
    """Phrases of one to three words that the texts come back to, most telling first, as they are written there."""
    counts: Counter[tuple[str, ...]] = Counter()
    spelled: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for text in texts:
        for sentence in sentences(text):
            for phrase in _candidates(sentence):
                key = tuple(map(fold, phrase))
                counts[key] += 1
                spelled[key][" ".join(phrase)] += 1
    ranked = sorted(counts, key=lambda key: (-_weight(key, counts), key))
    chosen: list[tuple[str, ...]] = []
    for key in ranked:
        if len(chosen) == limit:
            break
        if not any(set(key) & set(other) for other in chosen):
            chosen.append(key)
    return [spelled[key].most_common(1)[0][0] for key in chosen]


def _weight(key: tuple[str, ...], counts: Counter[tuple[str, ...]]) -> float:
    # A phrase that comes back tells more than a word that does; one that stands there once is mostly chance.
    shape = _REPEATED_SHAPE if counts[key] > 1 else _SINGLE_SHAPE
    return (counts[key] - 0.5) * shape[len(key) - 1] * math.log(2 + sum(map(len, key)) / len(key))


def _candidates(sentence: str) -> list[list[str]]:
    runs: list[list[str]] = [[]]
    for piece in sentence.replace("—", ",").replace("–", ",").split():
        inner = words(piece)
        bare = inner[0] if len(inner) == 1 else ""
        if not bare or len(bare) < 3 or not bare.isalpha() or fold(bare) in all_stopwords():
            runs.append([])
            continue
        if not piece[0].isalnum():
            runs.append([])
        runs[-1].append(bare)
        if not piece[-1].isalnum():
            runs.append([])
    return [
        run[start : start + size]
        for run in runs
        for size in range(1, _PHRASE_WORDS + 1)
        for start in range(len(run) - size + 1)
        if size > 1 or len(run[start]) > _SHORTEST_ALONE
    ]


def _unit(vector: dict[str, float]) -> Vector:
    length = math.sqrt(sum(weight * weight for weight in vector.values()))
    return {word: weight / length for word, weight in vector.items()} if length else {}


def _links(ranked: Sequence[Vector]) -> list[list[tuple[int, float]]]:
    """For each text the others that point to it, with the share of their score that they give."""
    alike: list[dict[int, float]] = [{} for _ in ranked]
    for here, vector in enumerate(ranked):
        for there in range(here):
            value = similarity(vector, ranked[there])
            if value > 0:
                alike[here][there] = alike[there][here] = value
    given = [sum(row.values()) for row in alike]
    return [[(other, value / given[other]) for other, value in row.items()] for row in alike]
