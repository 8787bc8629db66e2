from datetime import timedelta

from builders import NOON, a_record

from digest.actions import profiles
from digest.app import App
from digest.config import load_config
from digest.pipeline import backgrounds
from digest.store.ingest import ingest


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


def test_stored_papers_teach_what_a_new_name_means(sqlite_engine, monkeypatch):
    monkeypatch.setattr(backgrounds, "MOST_PAPERS", 60)
    app = App(load_config(overrides={}), lambda: NOON, sqlite_engine)
    with app.writing() as connection:
        for n in range(1, 41):
            title = "Zorblax fuses attention kernels" if n % 2 else "Floods of gauged rivers"
            record = a_record(n, title=f"{title}, part {n}", abstract="")
            ingest(connection, source="arxiv-ml", records=[record], now=NOON - timedelta(hours=2))
    with app.reading() as connection:
        learnt = backgrounds.learnt(connection, NOON).background
        one, other, away = learnt.encode(["zorblax", "attention kernels", "rivers"])
        assert one @ other > one @ away + 0.2
        assert backgrounds.learnt(connection, NOON - timedelta(days=9)).background is None
