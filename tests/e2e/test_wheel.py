"""The built wheel, alone in an empty environment outside the checkout, plays the demonstration."""

import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def _run(command: Sequence[object], cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean,
        text=True,
        capture_output=True,
        check=False,
    )


def _or_skip(done: subprocess.CompletedProcess[str], what: str) -> None:
    """Skip where the package index is out of reach; any other failure is ours."""
    if done.returncode == 0:
        return
    said = done.stdout + done.stderr
    out_of_reach = ("Failed to establish", "Temporary failure in name", "Name or service not known")
    if any(sign in said for sign in out_of_reach):
        pytest.skip(f"{what}: the package index cannot be reached")
    pytest.fail(f"{what}:\n{said[-3000:]}")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it, with what it needs, into an environment of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    pytest.importorskip("build")
    built = _run([sys.executable, "-m", "build", "--wheel", "-o", folder, ROOT], folder)
    _or_skip(built, "building the wheel")
    (wheel,) = folder.glob("paper_digest-*.whl")
    venv.create(folder / "env", with_pip=True)
    programs = folder / "env" / "bin"
    _or_skip(_run([programs / "pip", "install", "-q", wheel], folder), "installing the wheel")
    return programs


def test_the_wheel_plays_the_demonstration_and_leaves_mails(installed, tmp_path):
    done = _run([installed / "digest", "demo", "--out", tmp_path / "out"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    mails = sorted((tmp_path / "out").rglob("*.eml"))
    assert mails
    assert all(b"List-Unsubscribe" in mail.read_bytes() for mail in mails)


def test_the_wheel_carries_templates_and_example_files(installed, tmp_path):
    code = "import digest, pathlib; print(pathlib.Path(digest.__file__).parent / '_shipped')"
    done = _run([installed / "python", "-c", code], tmp_path)
    shipped = Path(done.stdout.strip())
    assert ROOT not in shipped.parents
    assert (shipped / "config" / "digest.example.toml").is_file()
    assert list((shipped / "templates" / "mail").rglob("*.html"))


def test_the_wheel_sets_up_an_installation_that_loads(installed, tmp_path):
    asked = ["init", "--no-ask", "--address", "a@example.org", "-i", "sparse attention"]
    done = _run([installed / "digest", *asked, "--relay", "file"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert _run([installed / "digest", "config", "check"], tmp_path).returncode == 0
