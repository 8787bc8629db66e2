from builders import NOON

from digest.actions import profiles
from digest.app import App
from digest.config import load_config


def profile_file(folder, name, ranker):
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles" / f"{name}.toml").write_text(f'ranker = "{ranker}"\n')
    (folder / "digest.toml").write_text("[digest]\n")
    return load_config(folder / "digest.toml")


def test_an_unknown_ranker_is_named_and_costs_nobody_else_their_edition(tmp_path, sqlite_engine):
    profile_file(tmp_path, "good", "trend")
    config = profile_file(tmp_path, "bad", "magic")
    app = App(config, lambda: NOON, sqlite_engine)
    (problem,) = profiles.sync(app).problems
    assert "bad.toml: ranker: no ranker called 'magic'" in problem
    assert [item.profile.name for item in profiles.listing(app)] == ["good"]


def test_a_profile_whose_ranker_became_unknown_stays_as_it_was(tmp_path, sqlite_engine):
    app = App(profile_file(tmp_path, "ada", "trend"), lambda: NOON, sqlite_engine)
    assert profiles.sync(app).problems == ()
    app = App(profile_file(tmp_path, "ada", "magic"), lambda: NOON, sqlite_engine)
    assert len(profiles.sync(app).problems) == 1
    assert profiles.get(app, "ada").profile.ranker == "trend"
