import pytest

from digest.sources._http import redact


@pytest.mark.parametrize(
    "text",
    [
        "https://ada:s3cret@example.org/feed",
        "https://example.org/f?api_key=s3cret&page=2",
        "https://example.org/f?x=1&access_token=s3cret#part",
        "GET failed: apikey=s3cret",
        "Authorization: Bearer s3cretvalue",
    ],
)
def test_secrets_are_hidden(text):
    assert "s3cret" not in redact(text)


def test_the_rest_stays_readable():
    text = "https://example.org/f?category=cs.LG&page=2 answers 503"
    assert redact(text) == text


def test_control_characters_do_not_reach_a_log():
    assert redact("one\r\ntwo\x00three\x1b[31m") == "one two three [31m"
