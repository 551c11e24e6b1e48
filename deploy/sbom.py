"""The bill of materials of an installation, CycloneDX 1.6 in JSON: `make sbom`, or `python -m deploy.sbom`.

What the lock files name, with the licences and the dependencies that the installed packages state.
"""

import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "docs-assets.lock", "vocabularies.lock")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)(?:\s*;\s*([^\\]+?))?\s*\\?$", re.MULTILINE)
_CLASSIFIER = "License :: OSI Approved :: "
_LONGEST_LICENCE = 80
"""Characters: the old field may hold the licence's whole text, its name first."""


class Pinned(NamedTuple):
    name: str
    version: str
    marker: str
    lock: str

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def pinned() -> Iterator[Pinned]:
    for lock in LOCKS:
        for name, version, marker in _PIN.findall((ROOT / lock).read_text("utf-8")):
            yield Pinned(canonicalize_name(name), version, marker, lock)


def document() -> dict[str, Any]:
    """The same for the same locks and the same installation: no time, no random number."""
    found = list(pinned())
    own = distribution("verbatim")
    top = f"pkg:pypi/verbatim@{own.version}"
    by_name = {each.name: each.purl for each in found}
    seed = " ".join(sorted(by_name.values()))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, f'{top} {seed}')}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": top,
                "name": "verbatim",
                "version": own.version,
                "purl": top,
                **_licences("verbatim"),
            }
        },
        "components": [_component(each) for each in found],
        "dependencies": [
            {"ref": top, "dependsOn": _needs("verbatim", by_name)},
            *({"ref": each.purl, "dependsOn": _needs(each.name, by_name)} for each in found),
        ],
    }


def _component(each: Pinned) -> dict[str, Any]:
    told = [{"name": "verbatim:lock", "value": each.lock}]
    if each.marker:
        told.append({"name": "verbatim:only-where", "value": each.marker})
    return {
        "type": "library",
        "bom-ref": each.purl,
        "name": each.name,
        "version": each.version,
        "purl": each.purl,
        **_licences(each.name),
        "properties": told,
    }


def _licences(name: str) -> dict[str, Any]:
    """Nothing for what is not installed here, such as what another system needs."""
    try:
        told = distribution(name).metadata
    except PackageNotFoundError:
        return {}
    if expression := _first(told.get_all("License-Expression")):
        return {"licenses": [{"expression": expression}]}
    classifiers: list[str] = told.get_all("Classifier") or []
    names = [line.removeprefix(_CLASSIFIER) for line in classifiers if line.startswith(_CLASSIFIER)]
    title = _first(told.get_all("License")).strip().partition("\n")[0].strip()
    if not names and title:
        names = [title[:_LONGEST_LICENCE]]
    return {"licenses": [{"license": {"name": each}} for each in names]} if names else {}


def _first(values: list[str] | None) -> str:
    return values[0] if values else ""


def _needs(name: str, by_name: dict[str, str]) -> list[str]:
    """Of what is pinned: of Verbatim with its servers, of others without their extras."""
    try:
        told = distribution(name).requires or []
    except PackageNotFoundError:
        return []
    extra = "embedded" if name == "verbatim" else ""
    needed = [Requirement(line) for line in told]
    wanted = {
        canonicalize_name(each.name)
        for each in needed
        if each.marker is None or each.marker.evaluate({"extra": extra})
    }
    return sorted(by_name[each] for each in wanted if each in by_name)


def main() -> None:
    json.dump(document(), sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
