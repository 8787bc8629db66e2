import json

from installation import installed

from digest.cli.main import run as command


def test_the_command_starts_tells_and_stops(tmp_path, capsys):
    with installed(tmp_path) as made:
        asked = ["-c", str(made.config), "evaluate"]

        def told(*words, code=0):
            assert command([*asked, *words]) == code
            said = capsys.readouterr()
            return json.loads(said.out) if "--json" in words else said.out + said.err

        assert "fill editions in turn from now on" in told("--live", "default", "trend")
        again = told("--live", "default", "trend", "--json")
        assert again["rankers"] == ["default", "trend"]
        assert again["wins"] == {"default": 0, "trend": 0}
        assert again["share"] == {"value": 0.5, "low": 0, "high": 1}
        assert "no difference is sure yet" in told("--live", "trend", "default")
        assert "stand alone" in told("ada", "--live", "default", "trend", code=2)
        assert "each profile is ranked by its own ranker again" in told("--stop")
        assert "no rankers are being compared" in told("--stop", code=2)
