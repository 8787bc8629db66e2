from datetime import timedelta

import pytest
from builders import NOON
from hypothesis import given
from hypothesis import strategies as st

from digest.errors import TokenError
from digest.subscribers.links import personal_links
from digest.subscribers.tokens import Signer, TokenPurpose

SIGNER = Signer([b"the present key!", b"the former key!!"])


def test_token_says_what_was_put_in():
    token = SIGNER.make(TokenPurpose.UNSUBSCRIBE, 10**7, subscription_id=2, edition_id=10**9)
    claims = SIGNER.read(token, TokenPurpose.UNSUBSCRIBE)
    assert (claims.subscriber_id, claims.subscription_id, claims.edition_id) == (10**7, 2, 10**9)
    assert len(token) < 100


@pytest.mark.parametrize("other", [p for p in TokenPurpose if p is not TokenPurpose.UNSUBSCRIBE])
def test_token_of_another_purpose_opens_nothing(other):
    token = SIGNER.make(TokenPurpose.UNSUBSCRIBE, 1)
    with pytest.raises(TokenError):
        SIGNER.read(token, other, now=NOON)


def test_old_key_reads_but_does_not_write():
    old = Signer([b"the former key!!"]).make(TokenPurpose.UNSUBSCRIBE, 7)
    assert SIGNER.read(old, TokenPurpose.UNSUBSCRIBE).subscriber_id == 7
    with pytest.raises(TokenError):
        Signer([b"the former key!!"]).read(SIGNER.make(TokenPurpose.FEED, 7), TokenPurpose.FEED)


def test_confirm_token_expires_and_unsubscribe_token_never_does():
    expires = NOON + timedelta(hours=48)
    token = SIGNER.make(TokenPurpose.CONFIRM, 1, issued_at=NOON, expires_at=expires)
    assert SIGNER.read(token, TokenPurpose.CONFIRM, now=NOON).issued_at == NOON
    with pytest.raises(TokenError) as caught:
        SIGNER.read(token, TokenPurpose.CONFIRM, now=expires)
    assert caught.value.expired
    forever = SIGNER.make(TokenPurpose.UNSUBSCRIBE, 1)
    late = NOON + timedelta(days=4000)
    assert SIGNER.read(forever, TokenPurpose.UNSUBSCRIBE, now=late).subscriber_id == 1


def test_expiring_token_cannot_be_read_without_the_time():
    token = SIGNER.make(TokenPurpose.ERASE, 1, expires_at=NOON)
    with pytest.raises(ValueError):
        SIGNER.read(token, TokenPurpose.ERASE)


def test_every_altered_character_is_noticed():
    token = SIGNER.make(TokenPurpose.PREFERENCES, 12345, subscription_id=6)
    for place in range(len(token)):
        for swap in ("A", "B"):
            changed = token[:place] + swap + token[place + 1 :]
            if changed != token:
                with pytest.raises(TokenError):
                    SIGNER.read(changed, TokenPurpose.PREFERENCES)


@given(st.text(max_size=300))
def test_rubbish_is_refused_as_a_value(text):
    with pytest.raises(TokenError):
        SIGNER.read(text, TokenPurpose.UNSUBSCRIBE)


def test_links_of_a_mail_are_bound_to_their_purpose():
    links = personal_links(
        "https://digest.example.org/p/", SIGNER,
        subscriber_id=1, subscription_id=2, edition_id=3, mailto="leave@example.org",
    )  # fmt: skip
    assert links.unsubscribe.startswith("https://digest.example.org/p/u/")
    token = links.unsubscribe.rpartition("/")[2]
    assert SIGNER.read(token, TokenPurpose.UNSUBSCRIBE).edition_id == 3
    assert links.unsubscribe_mailto == f"mailto:leave@example.org?subject=unsubscribe%20{token}"
    with pytest.raises(TokenError):
        SIGNER.read(links.preferences.rpartition("/")[2], TokenPurpose.UNSUBSCRIBE)


def test_without_a_public_address_only_mail_unsubscribes():
    links = personal_links(
        "", SIGNER, subscriber_id=1, subscription_id=2, edition_id=3, mailto="leave@example.org"
    )
    assert links.unsubscribe == links.preferences == links.view == links.feedback_base == ""
    assert links.unsubscribe_mailto.startswith("mailto:leave@example.org?")
