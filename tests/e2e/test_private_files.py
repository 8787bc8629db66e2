"""Nobody else of the machine reads what holds addresses, mails or keys; no key is short."""

import contextlib
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from installation import NOW, a_feed, installed
from scripted import Reply

from digest.actions.doctor import private
from digest.app import open_app
from digest.cli.main import run
from digest.config import load_config
from digest.errors import ConfigError, StoreError
from digest.subscribers.return_paths import ReturnPaths
from digest.subscribers.tokens import Signer, TokenPurpose


@pytest.fixture(autouse=True)
def lax_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def readable_by_others(folder: Path) -> list[str]:
    return [
        f"{stat.S_IMODE(path.stat().st_mode):o} {path.relative_to(folder)}"
        for path in [folder, *sorted(folder.rglob("*"))]
        if path.exists() and path.stat().st_mode & 0o077
    ]


def digest(*words: str, config: Path, **more) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "digest", "-c", str(config), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        umask=0o022,
        **more,
    )


def done(*words: str, config: Path, **more) -> str:
    process = digest(*words, config=config, **more)
    said = process.communicate(timeout=120)[0]
    assert process.returncode in (0, 1), said
    assert "Traceback" not in said
    return said


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_whole_life_leaves_nothing_that_others_can_read(tmp_path):
    data = tmp_path / "home" / "data"
    with installed(tmp_path) as place:
        place.add_feed("blog", a_feed("Careful studies of one", "Careful studies of two"))
        config = tmp_path / "digest.toml"
        port = free_port()
        text = config.read_text().replace(f'"{tmp_path}/data"', f'"{data}"')
        text = text.partition("[transports.relay]")[0]
        text += f'[sources.blog]\nkind = "feed"\nurl = "{place.web.url("/blog")}"\n'
        text += f'[transports.file]\nkind = "file"\nfolder = "{data}/mail"\nhtml = true\n'
        text += f"[web]\nport = {port}\n"
        config.write_text(text)
        for words in (
            ["poll"], ["run"], ["preview", "ada", "--out", f"{data}/preview"], ["stats"],
            ["rank", "ada"], ["subscribers", "export", f"{data}/readers.csv"],
            ["backup", f"{data}/all.gz"], ["backup", "--portable", f"{data}/portable.gz"],
            ["restore", f"{data}/all.gz", "--force"], ["verify"], ["send", "ada"],
            ["replay", "--from", "2026-04-01", "--into", f"{data}/again.db"],
            ["stats", "--out", f"{data}/stats.svg"], ["templates", "eject", f"{data}/mine"],
        ):  # fmt: skip
            done(*words, config=config)
        serving = digest("serve", config=config)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        assert readable_by_others(data) == []
        serving.send_signal(signal.SIGTERM)
        serving.communicate(timeout=60)
    assert (data / "digest.db").exists()
    assert list((data / "mail").iterdir())
    assert readable_by_others(data) == []


def test_what_an_older_version_left_open_is_closed(tmp_path):
    with installed(tmp_path) as place:
        with place.open():
            pass
        data = tmp_path / "data"
        (data / "mail").mkdir()
        (data / "mail" / "one.eml").write_bytes(b"")
        for path in [data, *data.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        with place.open():
            assert readable_by_others(data) == []


def test_doctor_names_a_configuration_with_a_password_that_others_can_read(tmp_path, monkeypatch):
    monkeypatch.setattr("digest.files.lets_others_in", lambda _: True)  # pytest's own are closed
    with installed(tmp_path) as place:
        place.config.write_text(place.config.read_text() + 'user = "me"\npassword = "hush"\n')
        place.config.chmod(0o644)
        with place.open() as app:
            finding = private.look(app)
            assert "digest.toml" in finding.message
            assert "chmod go=" in finding.advice
            place.config.chmod(0o600)
            (tmp_path / "profiles" / "ada.toml").chmod(0o600)
            assert private.look(app).level == "good"


@pytest.mark.parametrize("content", [b"", b"\n", b"short\n", b" " * 64])
def test_a_short_secret_file_is_refused_and_says_what_to_do(tmp_path, content, capsys):
    with installed(tmp_path) as place:
        place.add_feed("blog", Reply(b"", status=500))
        with place.open():
            pass
        (tmp_path / "data" / "secret").write_bytes(content)
        with place.open() as app, pytest.raises(ConfigError, match="data/secret: holds"):
            app.secret_keys  # noqa: B018
        assert run(["-c", str(place.config), "send", "ada", "--to", "bob@example.org"]) == 2
        said = capsys.readouterr().err
        assert "data/secret" in said
        assert "backup" in said


@pytest.mark.parametrize("key", ["", "short", "fifteen letters", " " * 40])
def test_a_short_key_is_refused_wherever_it_comes_from(tmp_path, key, monkeypatch):
    with installed(tmp_path) as place:
        plain = place.config.read_text()
        for table, name in (
            ("digest", "secret"), ("digest", "old_secrets"), ("web", "owner_token"),
            ("mail.bounces", "webhook_secret"),
        ):  # fmt: skip
            value = f'["{key}"]' if name == "old_secrets" else f'"{key}"'
            line = f"{name} = {value}\n"
            if table == "digest":
                place.config.write_text(plain.replace("[digest]\n", f"[digest]\n{line}"))
            else:
                place.config.write_text(f"{plain}[{table}]\n{line}")
            with pytest.raises(ConfigError, match=f"{name}.*at least 16"):
                load_config(place.config)
        place.config.write_text(plain)
        monkeypatch.setenv("DIGEST_DIGEST__SECRET", key)
        with pytest.raises(ConfigError, match=r"DIGEST_DIGEST__SECRET.*at least 16"):
            load_config(place.config)
        monkeypatch.delenv("DIGEST_DIGEST__SECRET")
        (tmp_path / "key").write_text(key)
        monkeypatch.setenv("DIGEST_DIGEST__SECRET_FILE", str(tmp_path / "key"))
        with pytest.raises(ConfigError, match="DIGEST_DIGEST__SECRET_FILE"):
            load_config(place.config)
    for make in (Signer, lambda keys: ReturnPaths(keys, domain="example.org")):
        for keys in ([], [key.encode()], [b"k" * 32, key.encode()]):
            with pytest.raises(ConfigError):
                make(keys)


def test_any_secret_whose_file_is_empty_is_refused_by_the_name_of_its_variable(
    tmp_path, monkeypatch
):
    (tmp_path / "empty").write_text("\n")
    monkeypatch.setenv("DIGEST_MAIL__BOUNCES__IMAP_PASSWORD_FILE", str(tmp_path / "empty"))
    with pytest.raises(ConfigError, match=r"IMAP_PASSWORD_FILE: .*empty is empty"):
        load_config()


STARTER = """
import sys
from pathlib import Path
from digest.app import open_app
from digest.config import load_config
config = load_config(Path(sys.argv[1]))
with open_app(config) as app:
    print(app.secret_keys[0].decode())
"""


def test_first_starts_at_once_agree_on_one_secret(tmp_path):
    with installed(tmp_path) as place:
        crowd = [
            subprocess.Popen(
                [sys.executable, "-c", STARTER, str(place.config)],
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        said = {process.communicate(timeout=120)[0].strip() for process in crowd}
        assert said == {(tmp_path / "data" / "secret").read_text().strip()}
        assert len(said.pop()) >= 32


def test_a_disk_that_is_full_at_the_first_start_leaves_no_secret(tmp_path):
    with installed(tmp_path) as place, place.open() as app:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5, before[1]))
        try:
            with pytest.raises(StoreError, match="secret cannot be kept"):
                app.secret_keys  # noqa: B018
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
        assert [path.name for path in (tmp_path / "data").iterdir() if "secret" in path.name] == []
        token = Signer(app.secret_keys).make(TokenPurpose.ERASE, 1)
        assert Signer(app.secret_keys).read(token, TokenPurpose.ERASE, now=NOW).subscriber_id == 1
        with open_app(app.config) as again:
            assert again.secret_keys == app.secret_keys
