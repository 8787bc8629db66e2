"""The shipped examples for running it: they parse, and name commands and keys that exist."""

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from digest.cli import reference
from digest.config import load_config

DEPLOY = Path(__file__).parents[2] / "config" / "deploy"
COMMANDS = {name for name, _ in reference.walk(reference.whole_command())}


def _unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string((DEPLOY / name).read_text())
    return parser


def _words_after_digest(line: str) -> list[str]:
    words = shlex.split(line)
    start = next(i for i, word in enumerate(words) if word.rpartition("/")[2] == "digest")
    return words[start + 1 :]


def _yaml(name: str) -> dict:
    return pytest.importorskip("yaml").safe_load((DEPLOY / name).read_text())


SERVICES = ["digest.service", "digest-run.service", "digest-worker@.service"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_a_command_that_exists(name):
    words = _words_after_digest(_unit(name)["Service"]["ExecStart"])
    assert words[-1] in COMMANDS


@pytest.mark.parametrize("name", [*SERVICES, "digest-run.timer"])
def test_systemd_finds_nothing_wrong_with_a_unit(name, tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("there is no systemd-analyze")
    for unit in [*SERVICES, "digest-run.timer"]:
        # The program is not installed where the unit looks for it.
        text = (DEPLOY / unit).read_text().replace("/opt/digest/bin/digest", sys.executable)
        (tmp_path / unit).write_text(text)
    unit = name.replace("@.", "@1.")
    done = subprocess.run(
        [analyze, "verify", "--recursive-errors=no", "--man=no", str(tmp_path / unit)],
        capture_output=True,
        text=True,
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "digest" in line]
    assert (done.returncode, ours) == (0, [])


def test_the_timer_has_the_service_it_starts():
    timer = _unit("digest-run.timer")
    assert timer["Timer"]["OnCalendar"]
    assert (DEPLOY / "digest-run.service").is_file()


def test_every_line_of_the_crontab_has_five_fields_and_a_command_that_exists():
    lines = [
        line
        for line in (DEPLOY / "crontab").read_text().splitlines()
        if line and not line.startswith("#") and not re.match(r"[A-Z]+=", line)
    ]
    assert lines
    for line in lines:
        *fields, command = line.split(maxsplit=5)
        assert all(re.fullmatch(r"[\d*/,-]+", field) for field in fields)
        (found,) = re.findall(r"bin/digest (?:--quiet )?(\w+)", command)
        assert found in COMMANDS


@pytest.mark.parametrize("name", ["Caddyfile", "nginx.conf"])
def test_a_proxy_speaks_to_the_port_that_the_pages_have_by_default(name):
    text = (DEPLOY / name).read_text()
    web = load_config().settings.web
    assert f"{web.host}:{web.port}" in text
    assert text.count("{") == text.count("}") > 0


def test_nginx_takes_its_configuration(tmp_path):
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    openssl = shutil.which("openssl")
    if nginx is None or openssl is None:
        pytest.skip("there is no nginx, or no openssl")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x",
         "-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    letsencrypt = "/etc/letsencrypt/live/digest.example.org"
    site = (DEPLOY / "nginx.conf").read_text().replace(letsencrypt, str(tmp_path))
    (tmp_path / "site.conf").write_text(site)
    places = "".join(
        f"{name}_temp_path {tmp_path / name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path / 'pid'}; events {{}} "
        f"http {{ access_log off; {places} include {tmp_path / 'site.conf'}; }}"
    )
    done = subprocess.run(
        [nginx, "-t", "-c", tmp_path / "nginx.conf", "-g", "error_log stderr;"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "syntax is ok" in done.stderr) == (0, True), done.stderr


def test_every_line_of_nginx_ends_a_directive_or_a_block():
    for line in (DEPLOY / "nginx.conf").read_text().splitlines():
        text = line.strip()
        assert not text or text.startswith("#") or text[-1] in "{};"


def test_the_containers_use_secrets_and_volumes_that_are_declared():
    compose = _yaml("docker-compose.yml")
    for service in compose["services"].values():
        assert set(service["secrets"]) <= set(compose["secrets"])
        for volume in service["volumes"]:
            place = volume.partition(":")[0]
            assert place.startswith("..") or place in compose["volumes"]
    dockerfile = DEPLOY.parents[1] / compose["services"]["digest"]["build"]["dockerfile"]
    command = re.search(r'CMD \["(\w+)"\]', dockerfile.read_text())
    assert command is not None
    assert command[1] in COMMANDS


SERVICE_KEYS = {
    "image", "build", "restart", "environment", "secrets", "volumes", "healthcheck",
    "depends_on", "stop_grace_period", "command", "deploy", "ports",
}  # fmt: skip
"""Those of the Compose specification that are used here: a misspelt one is not among them."""


def test_the_containers_are_described_in_words_that_compose_knows():
    compose = _yaml("docker-compose.yml")
    assert set(compose) == {"services", "secrets", "volumes"}
    for service in compose["services"].values():
        assert set(service) <= SERVICE_KEYS
        assert "image" in service or set(service["build"]) == {"context", "dockerfile"}
        assert service["restart"] in {"no", "always", "on-failure", "unless-stopped"}
        for name, wanted in service.get("depends_on", {}).items():
            assert wanted == {"condition": "service_healthy"}
            assert set(compose["services"][name]["healthcheck"]) <= {
                "test", "interval", "timeout", "retries", "start_period",
            }  # fmt: skip
    assert all(set(secret) == {"file"} for secret in compose["secrets"].values())


def test_the_compose_file_is_taken_by_compose_itself(tmp_path):
    docker = shutil.which("docker")
    version = [docker or "docker", "compose", "version"]
    if docker is None or subprocess.run(version, capture_output=True, check=False).returncode:
        pytest.skip("there is no docker compose")
    done = subprocess.run(
        [docker, "compose", "-f", DEPLOY / "docker-compose.yml", "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_workers_run_what_the_program_runs_on_the_same_store():
    services = _yaml("docker-compose.yml")["services"]
    program, worker = services["digest"], services["worker"]
    assert worker["command"][0] in COMMANDS
    for shared in ("build", "environment", "secrets", "volumes"):
        assert worker[shared] == program[shared]


def test_the_store_address_from_a_file_is_the_one_that_is_used(tmp_path, monkeypatch):
    environment = _yaml("docker-compose.yml")["services"]["digest"]["environment"]
    (name,) = environment
    (tmp_path / "url").write_text("postgresql://digest:x@database/digest\n")
    monkeypatch.setenv(name, str(tmp_path / "url"))
    assert load_config().store_url == "postgresql://digest:x@database/digest"


def test_the_workflow_keeps_the_store_even_after_a_bad_pass():
    steps = _yaml("github-actions.yml")["jobs"]["run"]["steps"]
    order = [step.get("run", step.get("uses", "")) for step in steps]
    fetched = next(n for n, said in enumerate(order) if "gh run download" in said)
    ran = next(n for n, said in enumerate(order) if said.startswith("digest "))
    kept = next(n for n, said in enumerate(order) if "upload-artifact" in said)
    assert fetched < ran < kept
    assert steps[kept]["if"].startswith("always()")
    assert steps[kept]["with"]["path"] == str(load_config().settings.digest.data_dir)
    assert f"--name {steps[kept]['with']['name']} " in order[fetched]
    assert order[ran].split()[1] in COMMANDS


def test_a_workflow_that_could_not_fetch_the_store_keeps_nothing_over_it():
    steps = _yaml("github-actions.yml")["jobs"]["run"]["steps"]
    (ran,) = (step for step in steps if step.get("run", "").startswith("digest run"))
    (kept,) = (step for step in steps if "upload-artifact" in step.get("uses", ""))
    assert f"steps.{ran['id']}.outcome != 'skipped'" in kept["if"]


@pytest.mark.skipif(not shutil.which("jq"), reason="there is no jq")
def test_the_workflow_fills_nobodys_storage(tmp_path):
    workflow = _yaml("github-actions.yml")
    last = workflow["jobs"]["run"]["steps"][-1]
    assert workflow["permissions"]["actions"] == "write"
    assert last["if"] == "always() && steps.keep.outcome == 'success'"
    stores = [{"id": n, "created_at": f"2026-04-{n:02}T06:20:00Z"} for n in (14, 9, 13, 10, 12)]
    (tmp_path / "stores.json").write_text(json.dumps({"artifacts": stores}))
    (tmp_path / "gh").write_text(
        '#!/bin/sh\nif [ "$2" = --method ]; then echo "$3 $4"\n'
        f'else exec jq -r "$4" {tmp_path}/stores.json; fi\n'
    )
    (tmp_path / "gh").chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", last["run"]],
        env={"PATH": path, "GITHUB_REPOSITORY": "ada/digest"},
        capture_output=True,
        text=True,
        check=True,
    )
    deleted = [line.rpartition("/")[2] for line in done.stdout.splitlines()]
    assert sorted(deleted) == ["10", "9"]


def test_the_workflow_keeps_no_addresses_in_public():
    first = _yaml("github-actions.yml")["jobs"]["run"]["steps"][0]
    assert first["run"].endswith('--jq .private)" = true')


def test_the_workflow_has_nothing_that_a_linter_minds():
    linter = shutil.which("actionlint")
    if linter is None:
        pytest.skip("there is no actionlint")
    done = subprocess.run(
        [linter, "-no-color", "-stdin-filename", ".github/workflows/digest.yml", "-"],
        input=(DEPLOY / "github-actions.yml").read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_workflows_password_reaches_the_relay(tmp_path, monkeypatch):
    name, _ = _yaml("github-actions.yml")["jobs"]["run"]["env"]
    path = tmp_path / "digest.toml"
    path.write_text('[transports.relay]\nkind = "smtp"\nhost = "h"\nuser = "u"\n')
    monkeypatch.setenv(name, "hush")
    assert load_config(path).settings.transports["relay"].options["password"] == "hush"
