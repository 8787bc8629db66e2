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


@pytest.mark.parametrize(
    "text", ["http://a:pw@s3cret@x.example/", "x-api-key=s3cret", "a=b&my.token.x=s3cret;c=d"]
)
def test_secrets_are_hidden_wherever_they_stand(text):
    assert "s3cret" not in redact(text)


def test_a_value_that_looks_like_a_name_hides_nothing_behind_it():
    assert redact("page=key=s3cret") == "page=key=********"
    assert redact("token=key=s3cret&a=b") == "token=********&a=b"


def test_a_text_of_any_length_is_cut_before_it_is_looked_at():
    assert len(redact("@" * 1_000_000)) < 10_000
