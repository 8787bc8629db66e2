from __future__ import annotations

from collections.abc import Mapping

import pytest
from builders import NOON

from digest.errors import RenderError
from digest.model import Message
from digest.rendering import SenderIdentity
from digest.rendering.bodies import parsed
from digest.rendering.compose import Composer
from digest.rendering.lint import lint
from digest.rendering.mime import Attachment
from digest.rendering.notices import NoticeInput, NoticeValue

COMPOSER = Composer()
SENDER = SenderIdentity(
    address="digest@example.org", name="Paper digest", list_id="d.example.org", installation="lab"
)
AT = "https://digest.example.org/"
VALUES: dict[str, dict[str, NoticeValue]] = {
    "confirmation": {
        "confirm_url": AT + "c/" + "x" * 90, "not_me_url": AT + "n/" + "y" * 90,
        "cadence": "every day", "expires": "48 hours",
    },
    "preferences": {"preferences_url": AT + "p/" + "x" * 90, "expires": "1 hour"},
    "address-change": {"confirm_url": AT + "a/" + "x" * 90, "expires": "1 hour"},
    "feed": {"feed_url": AT + "f/" + "x" * 90},
    "export": {"export_url": "", "erase_url": AT + "e/x", "expires": "1 hour"},
    "alert": {"wrong": [["arxiv", "fails"]], "right": [["mail", "ok"]], "advice": "Look."},
}  # fmt: skip


def notice(kind: str, values: Mapping[str, NoticeValue], *files: Attachment) -> Message:
    given = NoticeInput(
        kind=kind, recipient="ada@example.org", sender=SENDER, message_id="<n@example.org>",
        composed_at=NOON, values=values, attachments=files,
    )  # fmt: skip
    return COMPOSER.compose_notice(given, bodies=True)


def test_every_shipped_notice_is_tried_here() -> None:
    assert set(COMPOSER.templates.notices) == set(VALUES)


@pytest.mark.parametrize("kind", VALUES)
def test_a_notice_is_clean_and_says_its_addresses_in_both_bodies(kind: str) -> None:
    message = notice(kind, VALUES[kind])
    assert lint(message) == ()
    for item in VALUES[kind].values():
        if isinstance(item, str) and item.startswith("https"):
            assert item in message.text.split()
            assert f'href="{item}"' in message.html


@pytest.mark.parametrize("kind", VALUES)
def test_a_notice_promises_no_unsubscribing(kind: str) -> None:
    assert b"List-" not in notice(kind, VALUES[kind]).content


@pytest.mark.parametrize(
    "text", ["<script>x</script>", "a\r\nBcc: x@y.z", "\u202eabc\u2028", "{{ 1 }}"]
)
def test_text_of_a_stranger_is_inert_in_a_notice(text: str) -> None:
    message = notice("confirmation", VALUES["confirmation"] | {"cadence": text})
    assert lint(message) == ()
    assert "<script" not in message.html
    assert b"\r\nBcc:" not in message.content
    alert = {"wrong": [[text, text]], "right": [], "advice": text}
    assert lint(notice("alert", alert)) == ()


def test_an_attachment_arrives_as_it_was() -> None:
    content = bytes(range(256)) * 40
    file = Attachment(name="a\r\nb ü.json", media_type="application/json", content=content)
    message = notice("export", VALUES["export"], file)
    assert lint(message) == ()
    (found,) = parsed(message.content).iter_attachments()
    assert found.get_payload(decode=True) == content
    assert found.get_filename() == "a-b--.json"


def test_an_unknown_notice_is_named() -> None:
    with pytest.raises(RenderError, match="there is no notice 'birthday'"):
        notice("birthday", {})


def test_a_missing_value_is_an_error_and_not_an_empty_place() -> None:
    values = VALUES["confirmation"]
    with pytest.raises(RenderError, match="confirm_url"):
        notice("confirmation", {k: v for k, v in values.items() if k != "confirm_url"})
