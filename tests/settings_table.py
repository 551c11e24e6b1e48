"""`make docs`: puts the program's table of settings into the README."""

from services.cli.config import table
from tests.readme import README, section


def refresh() -> None:
    text = README.read_text("utf-8")
    old = section("Settings", text)
    rows = [line for line in old.splitlines() if line.startswith("|")]
    new = old.replace("\n".join(rows), table()) if rows else f"{old.rstrip()}\n\n{table()}\n\n"
    README.write_text(text.replace(old, new), "utf-8")


if __name__ == "__main__":
    refresh()
