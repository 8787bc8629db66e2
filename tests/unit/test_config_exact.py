"""A configuration takes each value as it is written: nothing is guessed from another type."""

import codecs
from datetime import time

import pytest

from digest.config import load_config
from digest.config.profiles import load_profile_file
from digest.errors import ConfigError
from digest.exact import check


def refused(tmp_path, text, *, profile=False):
    path = tmp_path / "x.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as raised:
        load_profile_file(path) if profile else load_config(path)
    (line,) = raised.value.problems
    return line


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("send_time = 730", '"07:30"'),
        ("send_time = 7.30", '"07:30"'),
        ('send_time = "730"', '"07:30"'),
        ('send_time = "07:30Z"', '"07:30"'),
        ("paused_until = 20261231", "2026-12-31"),
        ('paused_until = "1798675200"', "2026-12-31"),
        ("paused_until = 2026-12-31T00:00:00", "2026-12-31"),
        ('max_papers = "10"', "a whole number such as 10, without quotes"),
        ("max_papers = 10.0", "a whole number"),
        ("max_papers = true", "a whole number"),
        ('min_score = "0.2"', "a number such as 0.5, without quotes"),
        ("min_score = true", "a number"),
        ('all_titles = "yes"', "true or false, without quotes"),
        ("all_titles = 1", "true or false"),
        ("title = 5", "text in quotes"),
        ("mutes = [1]", "text in quotes"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_line_and_what_to_write(tmp_path, line, wanted):
    problem = refused(tmp_path, f'name = "ml"\n{line}\n', profile=True)
    assert "x.toml:2: " in problem
    assert wanted in problem


@pytest.mark.parametrize(
    "line",
    [
        '[http]\ntimeout_s = "10"',
        "[digest]\nname = 5",
        "[log]\nlevel = 5",
        '[sources.x]\nkind = "feed"\nurl = "https://example.org/"\nevery_minutes = "60"',
        '[sources.x]\nkind = "feed"\nurl = "https://example.org/"\nenabled = "no"',
        '[sources.x]\nkind = "huggingface"\nenabled = 1',
        '[transports.x]\nkind = "smtp"\nport = "587"',
        '[transports.x]\nkind = "smtp"\nport = 587.0',
        '[transports.x]\nkind = "file"\nhtml = "yes"',
    ],
)
def test_every_table_is_as_strict(tmp_path, line):
    assert f"x.toml:{line.count(chr(10)) + 1}: " in refused(tmp_path, line)


def test_the_environment_knows_text_only(tmp_path, monkeypatch):
    path = tmp_path / "digest.toml"
    path.write_text('[sources.x]\nkind = "feed"\nurl = "https://example.org/"\n', "utf-8")
    monkeypatch.setenv("DIGEST_SOURCES__X__EVERY_MINUTES", "30")
    monkeypatch.setenv("DIGEST_SOURCES__X__ENABLED", "false")
    section = load_config(path).settings.sources["x"]
    assert (section.every_minutes, section.enabled) == (30, False)


@pytest.mark.parametrize("value", ["07:30", "07:30:00", time(7, 30)])
def test_times_of_day_are_taken_in_each_of_their_forms(value):
    check(value, time)


def test_none_is_a_value_where_it_may_be():
    check(None, int | None)
    check([1, None], tuple[int | None, ...])


TEXT = 'name = "ml"\ntitle = "Für Zoé"\nsend_time = "07:30"\n'


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16"),
        codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
        TEXT.encode("utf-16-le"),
        TEXT.replace("\n", "\r").encode(),
        codecs.BOM_UTF8 + TEXT.replace("\n", "\r\n").encode(),
    ],
)
def test_what_editors_write_is_read(tmp_path, content):
    path = tmp_path / "ml.toml"
    path.write_bytes(content)
    (found,) = load_profile_file(path)
    assert (found.profile.name, found.profile.title) == ("ml", "Für Zoé")


def test_bytes_of_no_known_encoding_are_refused_and_say_what_to_do(tmp_path):
    path = tmp_path / "ml.toml"
    path.write_bytes(TEXT.encode("latin-1"))
    with pytest.raises(ConfigError, match="save it as UTF-8"):
        load_profile_file(path)
