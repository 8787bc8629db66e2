"""``digest config check`` knows the mistakes that a run would meet, by file and key."""

import json

import pytest
from installation import PROFILE, a_feed, installed

from digest.cli.main import run


def _checked(folder, capsys, *, config="[digest]", profile=""):
    (folder / "profiles").mkdir()
    (folder / "profiles" / "ada.toml").write_text(profile)
    path = folder / "digest.toml"
    path.write_text(config)
    code = run(["-c", str(path), "config", "check", "--json"])
    return code, json.loads(capsys.readouterr().out)["problems"]


INTEREST = '[[interests]]\nname = "bees"\n'


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('addresses = ["nonsense"]', "addresses: 'nonsense'"),
        ('addresses = ["chat:nowhere"]', "addresses: there is no [transports.nowhere]"),
        ('ranker = "nope"', "ranker"),
        ("community = true", "community: means nothing while [ranking] community is off"),
        ('sources = ["nope"]', "sources: there is no source 'nope' (there are: none)"),
        (INTEREST + 'liked = ["garbage"]', "interests.bees.liked"),
        (INTEREST + 'disliked = ["garbage"]', "interests.bees.disliked"),
        (INTEREST + 'library = "nothere.bib"', "interests.bees.library"),
    ],
)
def test_a_mistake_in_a_profile_is_named_before_it_is_served(tmp_path, capsys, text, key):
    code, (problem,) = _checked(tmp_path, capsys, profile=text)
    assert code == 2
    assert problem.startswith(f"{tmp_path / 'profiles' / 'ada.toml'}: {key}")


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ('[mail]\nsender = "nonsense"', ":2", "mail.sender"),
        ('[mail]\nreply_to = "nonsense"', ":2", "mail.reply_to"),
        ('[digest]\nowner = "nonsense"', ":2", "digest.owner"),
        ('[mail]\ntemplates_dir = "nothere"', ":2", "mail.templates_dir"),
        ('[mail]\nsubject = "{{ title"', ":2", "mail.subject"),
        (
            '[mail]\nsender = "d@example.org"\n[mail.dkim]\nmode = "sign"',
            ":3",
            "mail.dkim.key_file",
        ),
        ('[mail.dkim]\nmode = "sign"', ":1", "mail.dkim.domain"),
    ],
)
def test_a_mistake_that_sending_would_meet_is_named(tmp_path, capsys, text, line, key):
    code, (problem,) = _checked(tmp_path, capsys, config=text)
    assert code == 2
    assert problem.startswith(f"{tmp_path / 'digest.toml'}{line}: {key}: ")


def test_an_address_from_the_environment_is_told_by_its_variable(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DIGEST_MAIL__SENDER", "nonsense")
    _, (problem,) = _checked(tmp_path, capsys)
    assert problem.startswith("environment: DIGEST_MAIL__SENDER: mail.sender: ")


def test_all_mistakes_are_named_at_once(tmp_path, capsys):
    config = '[mail]\nsender = "nonsense"\ntemplates_dir = "nothere"\n[mail.dkim]\nmode = "sign"\n'
    profile = 'addresses = ["nonsense", "chat:nowhere"]\nranker = "nope"\n'
    _, problems = _checked(tmp_path, capsys, config=config, profile=profile)
    assert len(problems) == 6


def test_doctor_and_a_run_name_what_the_check_names(tmp_path, capsys):
    with installed(tmp_path) as site:
        site.add_profile("bob", 'addresses = ["bob@example.org", "nonsense"]\n')
        named = json.loads(_output(site, capsys, "config", "check", "--json"))["problems"]
        findings = json.loads(_output(site, capsys, "doctor", "--offline", "--json"))
        assert [one["message"] for one in findings if one["subject"] == "config"] == named
        assert list(site.run().problems) == named


def _output(site, capsys, *command):
    run(["-c", str(site.config), *command])
    return capsys.readouterr().out


def test_profiles_beside_an_empty_file_are_checked_too(tmp_path, capsys):
    assert _checked(tmp_path, capsys, config="", profile='ranker = "nope"')[0] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("weekdays = []", "weekdays: expected at least one day"),
        ('locale = "zz-xx"', "locale: expected a locale such as en, de or pt-BR, not 'zz-xx'"),
    ],
)
def test_a_key_that_would_mean_nothing_is_a_mistake(tmp_path, capsys, text, said):
    code, (problem,) = _checked(tmp_path, capsys, profile=text)
    assert code == 2
    assert problem.startswith(f"{tmp_path / 'profiles' / 'ada.toml'}:1: {said}")


def test_a_language_that_nobody_knows_is_a_mistake(tmp_path, capsys):
    code, (problem,) = _checked(tmp_path, capsys, config='[digest]\nlocale = "zz-xx"')
    assert code == 2
    assert problem.startswith(f"{tmp_path / 'digest.toml'}:2: digest.locale: expected a locale")


@pytest.mark.parametrize("name", ["de", "pt-BR", "en_GB", "zh-Hant-TW"])
def test_languages_go_by_either_spelling(tmp_path, capsys, name):
    assert _checked(tmp_path, capsys, profile=f'locale = "{name}"') == (0, [])


def test_an_unknown_source_is_named_and_the_known_one_served(tmp_path):
    with installed(tmp_path) as owner:
        owner.add_feed("blog", a_feed("Careful studies of sleep"))
        owner.add_profile("ada", f'sources = ["blog", "nope"]\n{PROFILE}')
        owner.add_profile("bob", f'sources = ["blgo"]\n{PROFILE}')
        said = owner.run().profiles.problems
        folder = tmp_path / "profiles"
        assert said == tuple(
            f"{folder / file}: sources: there is no source {name!r} (there are: blog)"
            for file, name in (("ada.toml", "nope"), ("bob.toml", "blgo"))
        )
        assert [message["To"] for message in owner.messages()] == ["ada@example.org"]
