"""What the environment gives: values, and files that hold them."""

import pytest

from digest.config import load_config, masked
from digest.errors import ConfigError


def test_a_value_may_stand_in_a_file_that_the_environment_names(tmp_path, monkeypatch):
    (tmp_path / "sender").write_text("digest@example.org\n")
    monkeypatch.setenv("DIGEST_MAIL__SENDER_FILE", str(tmp_path / "sender"))
    assert load_config().settings.mail.sender == "digest@example.org"


def test_a_relays_password_file_from_the_environment_is_its_password(tmp_path, monkeypatch):
    (tmp_path / "password").write_text("hush\n")
    path = tmp_path / "digest.toml"
    path.write_text('[transports.relay]\nkind = "smtp"\nuser = "u"\n')
    monkeypatch.setenv("DIGEST_TRANSPORTS__RELAY__PASSWORD_FILE", str(tmp_path / "password"))
    options = load_config(path).settings.transports["relay"].options
    assert options == {"user": "u", "password": "hush"}


def test_a_key_that_ends_in_file_stays_a_path(tmp_path, monkeypatch):
    monkeypatch.setenv("DIGEST_MAIL__DKIM__KEY_FILE", str(tmp_path / "key.pem"))
    assert load_config().settings.mail.dkim.key_file == tmp_path / "key.pem"


def test_the_environment_stands_above_the_file(tmp_path, monkeypatch):
    path = tmp_path / "digest.toml"
    path.write_text('[mail]\nsender = "a@example.org"\n')
    monkeypatch.setenv("DIGEST_MAIL__SENDER", "b@example.org")
    assert load_config(path).settings.mail.sender == "b@example.org"


def test_a_sources_key_may_come_from_the_environment_and_is_never_shown(tmp_path, monkeypatch):
    path = tmp_path / "digest.toml"
    path.write_text(
        '[sources.openalex]\nkind = "openalex"\nsearch = "x"\n'
        '[sources.blog]\nkind = "feed"\nurl = "https://me:hush@example.org/feed"\n'
    )
    monkeypatch.setenv("DIGEST_SOURCES__OPENALEX__API_KEY", "s3cret")
    config = load_config(path)
    assert config.settings.sources["openalex"].options["api_key"] == "s3cret"
    shown = str(masked(config))
    assert "s3cret" not in shown
    assert "hush" not in shown


@pytest.mark.parametrize(
    ("variable", "value", "key"),
    [
        ("DIGEST_MAIL__SENDR", "x", "mail.sendr"),
        ("DIGEST_MAIL__BATCH_SIZE", "many", "mail.batch_size"),
        ("DIGEST_MAIL", '{"sendr": "x"}', "mail.sendr"),
        ("DIGEST_SOURCES__BLOG__EVERY_MINUTES", "often", "sources.blog.every_minutes"),
        ("DIGEST_SOURCES__BLOG__ADDRESS", "x", "sources.blog.address"),
    ],
)
def test_a_mistake_in_the_environment_is_told_by_its_variable(
    tmp_path, monkeypatch, variable, value, key
):
    path = tmp_path / "digest.toml"
    path.write_text('[mail]\nsender = "a@example.org"\n[sources.blog]\nkind = "feed"\nurl = "x"\n')
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    (line,) = [line for line in caught.value.problems if key in line]
    assert line.startswith(f"environment: {variable}: {key}: ")


def test_a_mistake_in_the_file_is_not_blamed_on_the_environment(tmp_path, monkeypatch):
    path = tmp_path / "digest.toml"
    path.write_text('[mail]\nsendr = "a@example.org"\n')
    monkeypatch.setenv("DIGEST_MAIL", '{"sender": "b@example.org"}')
    monkeypatch.setenv("DIGEST_MAIL__SENDER", "b@example.org")
    with pytest.raises(ConfigError, match=r"digest\.toml:2: mail\.sendr"):
        load_config(path)
