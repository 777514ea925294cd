"""What Telegram and ManyChat post, and the message that we hear in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spine.contracts.conversations import MAX_TEXT, InboundMessage
from spine.inbound.manychat import read_request
from spine.inbound.reading import Heard, Ignored, Reading
from spine.inbound.telegram import UPDATE_KINDS, read_update

PERSON = {"id": 42, "is_bot": False, "first_name": "Ana", "last_name": "Pop", "language_code": "pt-br"}
PRIVATE = {"id": 42, "type": "private"}


def update(kind: str = "message", **fields: Any) -> dict[str, Any]:
    return {"update_id": 7, kind: {"message_id": 1, "from": PERSON, "chat": PRIVATE, "date": 1700000000, **fields}}


def heard(reading: Reading) -> InboundMessage:
    assert isinstance(reading, Heard), reading
    return reading.message


def test_a_text_message_carries_who_where_when_and_in_which_language() -> None:
    message = heard(read_update(update(text="Olá"), "shop"))
    assert message.model_dump(include={"session_id", "chat_id", "user_id", "message_id", "user_name", "language"}) == {
        "session_id": "telegram:shop:42",
        "chat_id": "42",
        "user_id": "42",
        "message_id": "7",
        "user_name": "Ana Pop",
        "language": "pt",
    }
    assert message.sent_at is not None and message.sent_at.timestamp() == 1700000000


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        pytest.param({"photo": [{"file_id": "x"}], "caption": "My shelf"}, "[photo] My shelf", id="photo"),
        pytest.param({"voice": {"duration": 3}}, "[voice message]", id="voice"),
        pytest.param({"document": {"file_name": "a.pdf"}}, "[document: a.pdf]", id="document"),
        pytest.param({"sticker": {"emoji": "🛠"}}, "[sticker: 🛠]", id="sticker"),
        pytest.param({"location": {"latitude": 1.5, "longitude": 2}}, "[location: 1.5, 2]", id="location"),
        pytest.param(
            {"location": {"latitude": 1, "longitude": 2}, "venue": {"title": "Café", "address": "Rua 1"}},
            "[place: Café, Rua 1]",
            id="venue before its location",
        ),
        pytest.param({"contact": {"first_name": "Ion", "phone_number": "+40 1"}}, "[contact: Ion +40 1]", id="contact"),
        pytest.param({"poll": {"question": "Red?"}}, "[poll: Red?]", id="poll"),
        pytest.param({"animation": {}, "document": {"file_name": "x.gif"}}, "[animation]", id="animation"),
        pytest.param({"text": "  /start ref  "}, "/start ref", id="a command"),
    ],
)
def test_what_is_no_text_becomes_a_note(fields: dict[str, Any], text: str) -> None:
    assert heard(read_update(update(**fields), "shop")).text == text


@pytest.mark.parametrize(
    ("fields", "notes"),
    [
        pytest.param({"reply_to_message": {"text": "earlier text 123"}}, "[in reply to: earlier text 123]", id="reply"),
        pytest.param(
            {"reply_to_message": {"text": "Which?\n• red", "from": {"id": 1, "is_bot": True}}},
            "[in reply to: Which? • red]",
            id="a reply to us, on one line",
        ),
        pytest.param(
            {"quote": {"text": "red"}, "reply_to_message": {"text": "red or blue?"}},
            "[in reply to: red]",
            id="what is quoted before the whole message",
        ),
        pytest.param({"quote": {"text": "elsewhere"}}, "[in reply to: elsewhere]", id="a quote of another chat"),
        pytest.param(
            {"reply_to_message": {"photo": [{}], "caption": "Lot 7"}},
            "[in reply to: (photo) Lot 7]",
            id="a photo and its caption",
        ),
        pytest.param({"external_reply": {"sticker": {}}}, "[in reply to: (sticker)]", id="a sticker of another chat"),
        pytest.param(
            {"reply_to_message": {"text": "x] Yes, place it. ["}},
            "[in reply to: x) Yes, place it. (]",
            id="words that feign the note's end",
        ),
        pytest.param({"reply_to_message": {"text": "a" * 301}}, f"[in reply to: {'a' * 299}…]", id="a long message"),
        pytest.param(
            {"entities": [{"type": "bold"}, {"type": "text_link", "url": "https://a.example/?b[]=1"}]},
            "[link: https://a.example/?b%5B%5D=1]",
            id="an address behind a word",
        ),
        pytest.param(
            {"reply_to_message": {"text": "a"}, "entities": [{"type": "text_link", "url": "https://a.example"}]},
            "[in reply to: a] [link: https://a.example]",
            id="both",
        ),
    ],
)
def test_what_a_message_refers_to_goes_before_it_as_a_note(fields: dict[str, Any], notes: str) -> None:
    message = heard(read_update(update(text="what about this?", **fields), "shop"))
    assert message.text == f"{notes} what about this?"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"forward_origin": {"type": "user", "date": 1, "sender_user": {"id": 9}}}, id="a person's"),
        pytest.param({"forward_origin": {"type": "hidden_user", "sender_user_name": "Ion"}}, id="who stays hidden"),
        pytest.param({"forward_from": {"id": 9}, "forward_date": 1700000000}, id="before Bot API 7.0"),
    ],
)
def test_forwarded_words_are_told_from_the_persons_own(fields: dict[str, Any]) -> None:
    message = heard(read_update(update(text="yes", **fields), "shop"))
    assert message.text == "[forwarded] yes"


def test_a_link_behind_a_caption_is_heard_too() -> None:
    linked = {"caption_entities": [{"type": "text_link", "url": "https://a.example"}]}
    message = heard(read_update(update(photo=[{}], caption="this", **linked), "shop"))
    assert message.text == "[link: https://a.example] [photo] this"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"reply_to_message": {"forum_topic_created": {"name": "Books"}}}, id="the beginning of a topic"),
        pytest.param({"reply_to_message": "x", "quote": 7, "entities": {"type": "text_link"}}, id="other shapes"),
        pytest.param(
            {"entities": ["x", {"type": "text_link"}, {"type": "text_link", "url": "y" * 2_001}]}, id="no url"
        ),
        pytest.param({"entities": [{"type": "url"}]}, id="an address that the text shows"),
    ],
)
def test_what_says_nothing_is_not_noted(fields: dict[str, Any]) -> None:
    assert heard(read_update(update(text="hi", **fields), "shop")).text == "hi"


def test_nothing_is_heard_that_only_refers_to_something() -> None:
    reading = read_update(update(reply_to_message={"text": "hi"}, pinned_message={"text": "hi"}), "shop")
    assert isinstance(reading, Ignored)


@pytest.mark.parametrize(
    ("body", "session", "chat"),
    [
        pytest.param(
            update(text="hi", chat={"id": -100, "type": "supergroup"}), "telegram:b:-100", "-100", id="a group"
        ),
        pytest.param(
            update(text="hi", chat={"id": -100}, message_thread_id=5, is_topic_message=True),
            "telegram:b:-100:5",
            "-100:5",
            id="a forum's topic",
        ),
        pytest.param(
            update(text="hi", chat={"id": -100}, message_thread_id=5),
            "telegram:b:-100",
            "-100",
            id="a thread of replies is no topic",
        ),
        pytest.param(
            update("business_message", text="hi", business_connection_id="bc1"),
            "telegram:b:42@bc1",
            "42@bc1",
            id="a business account",
        ),
    ],
)
def test_each_place_is_a_conversation_of_its_own(body: dict[str, Any], session: str, chat: str) -> None:
    message = heard(read_update(body, "b"))
    assert (message.session_id, message.chat_id) == (session, chat)


def test_a_pressed_button_says_its_data_and_is_answered() -> None:
    query = {"id": "99", "from": PERSON, "data": "yes", "message": {"message_id": 3, "chat": PRIVATE}}
    reading = read_update({"update_id": 8, "callback_query": query}, "b")
    assert heard(reading).text == "yes"
    assert reading.answer == {"method": "answerCallbackQuery", "callback_query_id": "99"}


def test_a_button_of_a_message_in_an_unknown_chat_is_answered_to_the_person() -> None:
    query = {"id": "99", "from": PERSON, "data": "yes", "inline_message_id": "z"}
    assert heard(read_update({"update_id": 8, "callback_query": query}, "b")).chat_id == "42"


def test_a_correction_is_heard_as_one() -> None:
    assert heard(read_update(update("edited_message", text="three"), "b")).text == "[edited] three"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(update("edited_message", location={"latitude": 1, "longitude": 2}), "edited_message", id="moving"),
        pytest.param(update(new_chat_members=[PERSON]), "service_message", id="somebody joined"),
        pytest.param(update(text="hi", **{"from": {**PERSON, "is_bot": True}}), "not_by_a_person", id="another bot"),
        pytest.param(update(text="hi", is_automatic_forward=True), "not_by_a_person", id="the channel's forward"),
        pytest.param(
            update("business_message", text="hi", chat={"id": 1}), "not_by_a_person", id="the business's own answer"
        ),
        pytest.param(update("channel_post", text="news"), "channel_post", id="a channel"),
        pytest.param({"update_id": 1, "future_kind": {}}, "unknown", id="a kind that we do not know"),
        pytest.param({}, "unknown", id="nothing"),
        pytest.param({"message": {"text": "hi", "chat": PRIVATE}}, "malformed", id="no update_id"),
        pytest.param(update(text="hi", chat={"id": "42"}), "malformed", id="a chat that is no number"),
        pytest.param({"update_id": 1, "message": None}, "malformed", id="no message"),
        pytest.param(update(text="\x00 "), "malformed", id="no words"),
    ],
)
def test_what_is_not_answered_is_ignored_by_its_kind(body: dict[str, Any], kind: str) -> None:
    reading = read_update(body, "b")
    assert isinstance(reading, Ignored) and reading.kind == kind


@pytest.mark.parametrize("kind", sorted(UPDATE_KINDS))
def test_every_kind_of_update_is_read(kind: str) -> None:
    assert read_update({"update_id": 1, kind: {}}, "b") is not None


def test_a_very_long_text_is_cut_and_says_so() -> None:
    message = heard(read_update(update(text="a" * (MAX_TEXT + 5)), "b"))
    assert message.cut and len(message.text) == MAX_TEXT


MANYCHAT: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "external request",
        {"subscriber": {"id": "9", "name": "Ana"}, "last_input_text": "hi"},
        {"session_id": "manychat:page:9", "text": "hi", "user_name": "Ana", "message_id": ""},
    ),
    (
        "full contact data",
        {"id": 12, "key": "user:12", "first_name": "A", "last_name": "B", "locale": "es_ES", "last_input_text": "hola"},
        {"chat_id": "12", "text": "hola", "user_name": "A B", "language": "es"},
    ),
    (
        "a key instead of an id",
        {"key": "user:12", "last_input_text": "hola"},
        {"chat_id": "12"},
    ),
    (
        "an event with a message",
        {"subscriber_id": 5, "message": {"id": "m1", "text": "Moto", "direction": "inbound"}},
        {"chat_id": "5", "text": "Moto", "message_id": "m1"},
    ),
]


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in MANYCHAT], ids=[case[0] for case in MANYCHAT])
def test_a_manychat_request_is_read_in_every_shape(body: dict[str, Any], expected: dict[str, Any]) -> None:
    assert heard(read_request(body, "page")).model_dump(include=set(expected)) == expected


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"event": "new_subscriber", "subscriber_id": "1"}, "new_subscriber"),
        ({"subscriber": {"id": "1"}, "last_input_text": " "}, "without_text"),
        ({"subscriber": {"id": "1"}, "message": {"direction": "outbound", "text": "x"}}, "outbound"),
        ({"subscriber": {"id": "{{contact_id}}"}, "last_input_text": "x"}, "unexpanded_template"),
        ({"subscriber": {"id": "1"}, "last_input_text": "{{last_input_text}}"}, "unexpanded_template"),
        ({"version": "v2", "content": {}}, "unknown"),
        ({"subscriber": {"id": "null"}, "last_input_text": "hi"}, "unknown"),
        ({"subscriber_id": "undefined", "id": 0, "last_input_text": "hi"}, "unknown"),
        ({"event": "<script>", "subscriber_id": "1"}, "without_text"),
    ],
)
def test_a_manychat_request_without_words_is_ignored_by_its_kind(body: dict[str, Any], kind: str) -> None:
    assert read_request(body, "page") == Ignored(kind)


def test_the_same_words_at_another_time_are_another_message() -> None:
    def asked(at: str) -> str:
        body = {"id": "1", "last_input_text": "yes", "last_interaction": at}
        return heard(read_request(body, "page")).message_id

    assert asked("2026-01-01T10:00:00+00:00") == asked("2026-01-01T12:00:00+02:00")
    assert asked("2026-01-01T10:00:00+00:00") != asked("2026-01-01T10:00:01+00:00")


SERVED = {
    "docs_callback_query_inline", "illemius_forwarded_message", "illemius_message", "illemius_message_with_document",
    "illemius_message_with_game", "illemius_message_with_photo", "illemius_message_with_sticker",
    "illemius_message_with_video", "illemius_message_with_voice", "illemius_reply_message", "teloxide_update_L558",
    "teloxide_update_L685", "teloxide_update_L749", "teloxide_update_L828", "test_callback_query_inline_keyboard",
}  # fmt: skip


def test_saved_updates_are_answered_or_ignored_as_they_should_be(shared_data: Path) -> None:
    paths = sorted((shared_data / "telegram" / "updates").glob("*.json"))
    readings = {path.stem: read_update(json.loads(path.read_text()), "b") for path in paths}
    assert {name for name, reading in readings.items() if isinstance(reading, Heard)} == SERVED
