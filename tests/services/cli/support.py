"""The command line as a user meets it: arguments and environment in, exit code and text out."""

import io
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from services.cli.main import main
from tests.services.support import Api


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.out)

    @property
    def error(self) -> str:
        """The one line on standard error, without its beginning."""
        assert "Traceback" not in self.err
        assert self.err.count("\n") == 1, self.err
        assert self.err.startswith("Error: "), self.err
        return self.err.removeprefix("Error: ").rstrip("\n")


class CommandLine:
    """Runs `verbatim` in this process, in a folder of its own and with nothing set but what is given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ: dict[str, str] = {}

    def __call__(
        self, *arguments: str | Path, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> Ended:
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in "12")
        environ = clean_environ() | self.environ | dict(env or {})
        argv = ["verbatim", *map(str, arguments)]
        with _in_place(argv, environ, self.folder, _reading(stdin), out, err):
            try:
                main()
            except SystemExit as ended:
                code = ended.code
        assert isinstance(code, int)
        return Ended(code, _written(out), _written(err))

    def set(self, **settings: object) -> None:
        self.environ |= {f"VERBATIM_{name.upper()}": str(value) for name, value in settings.items()}

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path


def _reading(data: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), "utf-8")


def _written(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()


def at(cli: CommandLine, api: Api) -> CommandLine:
    """The command line set to a running service and its database."""
    cli.set(base_url=f"{api.address}/v1", api_key=api.key, database_url=api.database.service)
    return cli


def clean_environ() -> dict[str, str]:
    """This process's, without settings of whoever runs the tests."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("VERBATIM_", "COLUMNS", "FORCE_COLOR"))
    } | {"COLUMNS": "100", "NO_COLOR": "1"}


@contextmanager
def _in_place(
    argv: list[str],
    environ: dict[str, str],
    folder: Path,
    stdin: io.TextIOBase,
    stdout: io.TextIOBase,
    stderr: io.TextIOBase,
) -> Iterator[None]:
    before = (sys.argv, dict(os.environ), Path.cwd(), sys.stdin, sys.stdout, sys.stderr)
    try:
        os.chdir(folder)
        _replace_environ(environ)
        sys.argv, sys.stdin, sys.stdout, sys.stderr = argv, stdin, stdout, stderr
        yield
    finally:
        os.chdir(before[2])
        _replace_environ(before[1])
        sys.argv, sys.stdin, sys.stdout, sys.stderr = before[0], *before[3:]


def _replace_environ(values: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(values)
