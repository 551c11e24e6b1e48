"""`python -m tests.deploy.start_servers FOLDER BINARIES`: starts the servers, adds a row, says what it found, stops."""

import json
import sys
from pathlib import Path

import psycopg

from deploy.embedded.errors import EmbeddedServerError
from deploy.embedded.folder import DataFolder
from deploy.embedded.nats import EmbeddedNats
from deploy.embedded.postgres import EmbeddedPostgres


def main() -> None:
    folder = DataFolder(Path(sys.argv[1]))
    folder.acquire()
    postgres, nats = EmbeddedPostgres(folder, binaries=Path(sys.argv[2])), EmbeddedNats(folder)
    try:
        postgres.start()
        nats.start()
        print(json.dumps(facts(postgres) | {"nats": nats.healthy()}))
    finally:
        nats.stop()
        postgres.stop()


def facts(postgres: EmbeddedPostgres) -> dict[str, object]:
    assert postgres.child is not None
    status = Path(f"/proc/{postgres.child.pid}/status").read_text("utf-8")
    user = next(line.split()[1] for line in status.splitlines() if line.startswith("Uid:"))
    with psycopg.connect(postgres.migrate_database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS starts (number int)")
        connection.execute("INSERT INTO starts VALUES (1)")
        (starts,) = connection.execute("SELECT count(*) FROM starts").fetchone() or (0,)
        (durable,) = connection.execute("SHOW fsync").fetchone() or ("",)
    return {"user": int(user), "starts": starts, "fsync": durable}


if __name__ == "__main__":
    try:
        main()
    except EmbeddedServerError as error:
        sys.exit(str(error))
