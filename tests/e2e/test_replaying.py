import json

import pytest
from scripted import Reply, serving

from digest.cli.main import run
from digest.store import database


def papers(*ids):
    return json.dumps({"papers": [{"id": i, "title": f"A paper called {i}"} for i in ids]}).encode()


@pytest.fixture
def polled(tmp_path, capsys):
    """Poll one source on two days, by the command line, and give the configuration."""
    config = tmp_path / "digest.toml"
    with serving() as web:
        config.write_text(
            f'[digest]\ndata_dir = "{tmp_path}/data"\n[sources.a]\nkind = "toy_source:source"\n'
            f'url = "{web.url("/a")}"\nallow_private = true\n'
        )
        for day, ids in (("14", ["2604.00001"]), ("15", ["2604.00001", "2604.00002"])):
            web.routes["/a"] = Reply(papers(*ids))
            moment = f"2026-04-{day}T12:00:00+00:00"
            assert run(["--config", str(config), "--now", moment, "poll", "--json"]) == 0
    capsys.readouterr()
    return str(config)


def replayed(config, capsys, *options):
    code = run(["--config", config, "replay", "--from", "2026-04-14", "--json", *options])
    return code, json.loads(capsys.readouterr().out)


def test_replay_finds_each_paper_on_its_day(polled, capsys):
    code, found = replayed(polled, capsys)
    assert code == 0
    assert [(one["new"], one["new_then"]) for one in found] == [(1, 1), (1, 1)]
    assert found[1]["new_keys"] == ["arxiv:2604.00002"]


def test_replay_leaves_the_real_store_alone(polled, capsys, tmp_path):
    before = run(["--config", polled, "db", "status", "--json"]), capsys.readouterr().out
    replayed(polled, capsys)
    assert (run(["--config", polled, "db", "status", "--json"]), capsys.readouterr().out) == before


def test_replay_keeps_the_rebuilt_store_where_asked(polled, capsys, tmp_path):
    replayed(polled, capsys, "--into", str(tmp_path / "again.db"))
    engine = database.open_engine(f"sqlite:///{tmp_path / 'again.db'}")
    database.check(engine)
    engine.dispose()
    again = ["replay", "--from", "2026-04-14", "--into", str(tmp_path / "again.db")]
    assert run(["--config", polled, *again]) == 2
    assert "exists" in capsys.readouterr().err


def test_a_rest_of_days_without_answers_says_so(polled, capsys):
    assert run(["--config", polled, "replay", "--from", "2026-05-01"]) == 0
    assert "no raw answers" in capsys.readouterr().out
