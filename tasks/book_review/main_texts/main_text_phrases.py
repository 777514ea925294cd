"""How sites word their furniture, in the languages that reviews come in: patterns for whole lines."""

from __future__ import annotations

import re


def _line(*alternatives: str) -> re.Pattern[str]:
    """Matches a line that begins with one of the alternatives, whatever marks stand before it."""
    return re.compile(rf"^\W*(?:{'|'.join(alternatives)})", re.IGNORECASE)


_NETWORK = (
    r"(?:twitter|facebook|instagram|youtube|telegram|linkedin|whatsapp|tiktok|pinterest|mastodon|bluesky|threads)"
)
_END = r"\W*$"

LABEL = _line(
    rf"(?:comments?|leave a (?:comment|reply)|tell us what you think|join the (?:conversation|discussion)){_END}",
    rf"(?:kommentare?|kommentar (?:schreiben|hinterlassen)|schreibe? einen kommentar){_END}",
    rf"(?:commentaires?|laisser un commentaire|comentarios?|deja (?:un comentario|tu comentario)){_END}",
    rf"(?:commenti|lascia un commento|coment[aá]rios?|deixe (?:um|seu) comentário){_END}",
    rf"(?:comentarii|las[aă] un comentariu|reacties|komentarze|kommentarer){_END}",
    rf"(?:share(?: (?:this|on|via)\b.{{0,40}})?|teilen|partager|compartir|condividi|compartilhar|delen){_END}",
    rf"(?:advertisement|anzeige|werbung|publicité|publicidade?|pubblicità|publicitate|advertentie){_END}",
    rf"(?:explore further|thank(?:s| you) for (?:signing up|subscribing)|order reprints|print(?: this)? article){_END}",
)
"""A line that only names a part of the page which is not text."""

OTHER_ARTICLES = _line(
    r"related(?: (?:post|article|stor(?:y|ies)|link|content|read|coverage|topic)s?)?\b",
    r"(?:(?:read|see|watch)(?: (?:more|also|next))?|also(?: (?:read|see|on [\w.]+))?)\b",
    r"(?:more(?: (?:on|about) this)?|recommended|don['’]t miss|popular|most read)\b",
    r"you (?:may|might) (?:also )?(?:like|enjoy)\b",
    r"(?:lesen sie (?:auch|mehr)|lies auch|mehr (?:zum thema|dazu)|auch interessant|siehe auch)\b",
    r"(?:weiterlesen|zum thema)\b",
    r"(?:à lire|lire (?:aussi|la suite)|voir aussi|sur le même sujet|à voir)\b",
    r"(?:l[ee]a? también|lee también|te puede interesar|le puede interesar|ver también)\b",
    r"(?:más información|leer más)\b",
    r"(?:leggi anche|leggi tutto|ti potrebbe interessare|vedi anche|potrebbe interessarti)\b",
    r"(?:leia (?:também|mais)|veja (?:também|mais)|saiba mais|confira também)\b",
    r"(?:cite[sșş]te (?:și|şi|si)|citi[tțţ]i (?:și|şi|si)|vezi (?:și|şi|si)|pe aceea[sșş]i tem[aă])",
    r"(?:lees (?:ook|meer)|zie ook|czytaj (?:też|także|więcej)|zobacz też)\b",
    r"(?:läs (?:också|mer)|les også|læs også)\b",
)
"""The opening of a pointer to another article; only a pointer when the rest of the line is a link."""

OTHER_ARTICLES_LABEL = _line(
    rf"(?:related|recommended|more|popular|latest|trending)(?: \w+){{0,4}}{_END}",
    rf"most (?:read|popular)(?: in [\w ]{{1,40}})?{_END}",
    rf"(?:you (?:may|might) (?:also )?(?:like|enjoy)|read (?:more|next|also)|see also|don['’]t miss|up next){_END}",
    rf"(?:lesen sie auch|mehr zum thema|auch interessant|meistgelesen){_END}",
    rf"das könnte (?:sie|dich) (?:auch )?interessieren{_END}",
    rf"(?:à lire aussi|lire aussi|sur le même sujet|les plus lus|articles? (?:similaires|liés)){_END}",
    rf"(?:te puede interesar|le puede interesar|lo más (?:leído|visto)|(?:noticias|artículos) relacionad[ao]s){_END}",
    rf"(?:leggi anche|ti potrebbe interessare|potrebbe interessarti|articoli correlati|i più letti){_END}",
    rf"(?:leia também|veja também|mais lidas|(?:artigos|notícias) relacionad[ao]s){_END}",
    rf"(?:cite[sșş]te (?:și|şi|si)|vezi (?:și|şi|si)|articole similare|cele mai citite){_END}",
    rf"(?:lees ook|meest gelezen|czytaj też|zobacz też|läs också){_END}",
)
"""A heading over a list of other articles; as a heading in a text it is followed by sentences instead."""

CALL_TO_ACTION = _line(
    rf"(?:follow|like|find|join) .{{0,60}}\bon {_NETWORK}\b",
    rf"(?:follow|like|find|join) (?:us|me|him|her|them)\b.{{0,60}}{_NETWORK}",
    r"(?:like|enjoy|loved?) this (?:story|article|post)\? ?share\b",
    rf"(?:folgen sie|folge|folgt) (?:uns|mir|ihm|ihr)\b.{{0,60}}{_NETWORK}",
    rf"(?:suivez|síguenos|síganos|seguici|siga|segue|urmăriți|urmărește|volg)\b.{{0,60}}{_NETWORK}",
    r"(?:click here to )?(?:sign up|subscribe)\b.{0,80}\b(?:newsletters?|youtube|updates|inbox|e-?mail)\b",
    r"(?:get|receive) .{0,80}\b(?:in|to) your (?:inbox|e-?mail)\b",
    r"get .{0,60}\bnewsletters?\b",
    r".{0,40}newsletter (?:abonnieren|bestellen|anmelden)\b",
    r"(?:abonnez-vous|inscrivez-vous|suscríbete|suscríbase|iscriviti|inscreva-se|assine)\b.{0,100}$",
    r"(?:abonează-te|abonați-vă|abonaţi-vă)\b.{0,100}$",
    r"if you (?:enjoyed|liked) this article\b.{0,120}\b(?:join|subscribe|sign up|consider)\b",
    r"to (?:read|continue reading) (?:the full|this|more)\b.{0,40}$",
    r"subscribe to (?:continue|read|unlock)\b.{0,60}$",
    r"this (?:copy is for your personal|site (?:uses cookies|is protected by recaptcha))",
    r"(?:if you buy|when you (?:buy|purchase)) .{0,60}\b(?:links?|post|site)\b.{0,40}\b(?:commission|share|earn)",
    r"(?:we|this site) (?:use|uses) cookies\b",
)
"""Asks the reader to follow, subscribe, share, accept."""

IMPRINT = _line(
    r"(?:©|copyright\b|\(c\) ?(?:19|20)\d\d)",
    r"(?:all rights reserved|alle rechte vorbehalten|tous droits réservés|todos los derechos reservados)",
    r"(?:tutti i diritti riservati|todos os direitos reservados|toate drepturile rezervate)",
    r"(?:(?:additional )?(?:reporting|writing)|editing) by [A-Z]",
    r".{0,120}\bcontributed to this (?:report|story|article)\.?\W*$",
    r"(?:source|quelle|fuente|fonte|sursa)\s*:\s*.{1,40}$",
    r"(?:reach|write to) .{1,60}(?:@|twitter)",
    r"(?:more|follow) .{1,60}\b(?:coverage|news)\b.{0,40}https?://",
    r"(?:tags?|labels?|filed under|posted in|categor(?:y|ies))\s*:",
    r"(?:schlagw[oö]rter|schlagworte|etiquetas|mots-clés|etichete)\s*:",
    r"an error (?:has )?occurred\b",
)
"""What stands under a text: rights, desk, sources. Only the last lines are held against it."""

_CLOCK_OR_DATE = re.compile(
    r"\b(?:19|20)\d\d\b.{0,30}\b\d{1,2}\b|\b\d{1,2}\b.{0,30}\b(?:19|20)\d\d\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b"
)
_READING_TIME = _line(
    r"(?:tempo de leitura|lesezeit|reading time|temps de lecture|tiempo de lectura|tempo di lettura|timp de citire)\b",
    r"\d+ ?-?min(?:ute)?n?s?(?: read| lesezeit| de lecture| de lectura| di lettura| de leitura)\b",
)
_NAME = r"[^\W\d_][\w.'’-]*"
_BYLINE = re.compile(
    rf"^\W*(?:by|von|par|por|di|de|written by|posted by|text:)\s+{_NAME}(?:[\s,&]+{_NAME}){{0,5}}\W*$", re.IGNORECASE
)
_WORD = re.compile(r"[^\W\d_]+")


def is_dateline(line: str) -> bool:
    """A short line that only says when, by whom or how long: `Published 18 November 2019`, `By Jo Doe`."""
    if len(line) > 90:
        return False
    if _READING_TIME.match(line):
        return True
    says_when = _CLOCK_OR_DATE.search(line) is not None and len(_WORD.findall(line)) <= 8
    return (says_when and not line.rstrip().endswith((".", "!", "?"))) or (
        _BYLINE.match(line) is not None and any(word[:1].isupper() for word in _WORD.findall(line)[1:])
    )
