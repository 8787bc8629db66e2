"""How many processes may compute at once, as the kernel's files say it."""

import pytest

from digest.pipeline._processors import available


@pytest.fixture
def limited(tmp_path, monkeypatch):
    """Write limits of control groups, on a machine of 64 processors."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(64)), raising=False)

    def write(mine, **limits):
        own = tmp_path / "cgroup"
        own.write_text(mine)
        for name, limit in limits.items():
            folder = tmp_path / "groups" / name.replace("_", "/")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "cpu.max").write_text(limit)
        return available(tmp_path / "groups", own)

    return write


def test_a_container_of_one_processor_gets_one_process(limited):
    assert limited("0::/\n", **{"": "100000 100000\n"}) == 1
    assert limited("0::/\n", **{"": "20000 100000\n"}) == 1


def test_a_service_is_held_to_the_least_of_the_groups_around_it(limited):
    limits = {"": "max 100000\n", "system": "300000 100000\n", "system_digest": "max 100000\n"}
    assert limited("1:cpu:/x\n0::/system/digest\n", **limits) == 3


def test_without_limits_or_files_every_processor_counts(limited, tmp_path):
    assert limited("0::/\n") == 64
    assert available(tmp_path / "none", tmp_path / "nowhere") == 64
