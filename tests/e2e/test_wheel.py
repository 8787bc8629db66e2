"""The built wheel, alone in an empty environment outside the checkout, plays the demonstration.

Built twice, of copies at other places and times, wheel and sdist are the same bytes.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def _run(command: Sequence[object], cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=clean | more,
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


def _build(source: Path, folder: Path) -> Path:
    """Build an sdist and, of that, a wheel."""
    command = [sys.executable, "-m", "build", "--no-isolation", "-o", folder, source]
    done = _run(command, folder, SOURCE_DATE_EPOCH="1767225600")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    return _build(ROOT, tmp_path_factory.mktemp("built"))


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel, with what it needs, into an environment of its own."""
    folder = tmp_path_factory.mktemp("installed")
    (wheel,) = built.glob("paper_digest-*.whl")
    venv.create(folder / "env", with_pip=True)
    programs = folder / "env" / "bin"
    _or_skip(_run([programs / "pip", "install", "-q", wheel], folder), "installing the wheel")
    return programs


def test_wheel_and_sdist_are_the_same_bytes_wherever_they_are_built(built, tmp_path):
    copy = tmp_path / "elsewhere"
    left_out = shutil.ignore_patterns("__pycache__", ".*_cache", "*.pyc")
    for name in ("digest", "templates", "config", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=left_out, copy_function=shutil.copyfile)
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", ".gitignore"):
        shutil.copyfile(ROOT / name, copy / name)
    (tmp_path / "again").mkdir()
    again = _build(copy, tmp_path / "again")
    files = sorted(path.name for path in built.iterdir())
    assert [Path(name).suffix for name in files] == [".whl", ".gz"]
    for name in files:
        assert _contents(again / name) == _contents(built / name)
        assert (again / name).read_bytes() == (built / name).read_bytes()


def _contents(archive: Path) -> list[str]:
    """Return what is in it: says more, where two differ, than two sums do."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.namelist()
    with tarfile.open(archive) as sdist:
        return sdist.getnames()


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
