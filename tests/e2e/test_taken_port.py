"""A port that is taken is one sentence and exit code 2, before any work begins."""

import socket

import pytest
from installation import a_feed, installed
from sqlalchemy import func, select

from digest.cli.main import run
from digest.store import tables


@pytest.mark.parametrize("command", ["serve", "web"])
def test_a_taken_port_is_told_before_any_work_begins(tmp_path, capsys, command):
    with installed(tmp_path) as place, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        place.add_feed("blog", a_feed("Careful studies of one"))
        place.config.write_text(f"{place.config.read_text()}[web]\nport = {port}\n")
        assert run(["-c", str(place.config), command]) == 2
        said = capsys.readouterr().err
        assert f"cannot listen on 127.0.0.1:{port}" in said
        assert "web.port" in said
        with place.open() as app, app.reading() as connection:
            for table in (tables.runs, tables.polls):
                assert connection.scalar(select(func.count()).select_from(table)) == 0
