"""The compose file and its neighbours, held to the program: checked here, not run (that takes a container engine)."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from services import processes
from services.cli.main import COMMANDS
from services.http.cursors import Cursors
from services.http.endpoint import PARAMETER
from services.http.figures import Figures
from services.http.minting import Minter
from services.settings import Settings
from services.settings_loading import load

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
OURS = {name: s for name, s in COMPOSE["services"].items() if s["image"] == "verbatim"}
FOLLOWERS = {"projections", "relay", "compaction"}
HTTP = re.compile(r"(command|query)-\d|gateway")


def _filled(value: object) -> str:
    """As compose fills variables in, each with a value that gives it away."""
    text = re.sub(r"\$\{(\w+):-\}", "", str(value))
    return re.sub(r"\$\{(\w+)(:\?[^}]*)?\}", "filled", text)


@pytest.mark.parametrize("name", OURS)
def test_each_process_is_one_of_ours_with_settings_that_load(name: str, tmp_path: Path) -> None:
    service = OURS[name]
    assert service["command"][0] in COMMANDS
    settings = load({key: _filled(v) for key, v in service["environment"].items()}, tmp_path)
    role = {"migrate": "migration"}.get(name, name.partition("-")[0])
    login = f"verbatim_{role}_login"
    assert settings.database_url == f"postgresql://{login}:filled@postgres:5432/verbatim"
    at_nats = f"nats://{name}:filled@nats:4222" if name in {"relay", "compaction"} else ""
    assert settings.nats_url == at_nats
    if name not in {"migrate", "operator"}:  # they end, the others are asked how they are
        assert settings.host == "0.0.0.0"
        assert (settings.metrics_port if name in FOLLOWERS else settings.port) == 8080
        assert bool(HTTP.fullmatch(name)) != (name in FOLLOWERS)


def test_postgres_tells_no_values_in_its_log() -> None:
    from deploy.embedded.postgres import SETTINGS, SINCE

    given = dict(each[2:].split("=") for each in COMPOSE["services"]["postgres"]["command"][1:])
    assert sum(name.startswith("log_") for name in given) == 3
    assert given.items() <= (SETTINGS | SINCE[18]).items()


def test_every_login_has_its_password() -> None:
    """The script that makes them, compose, and the script that gives them to the logins know the same."""
    made = subprocess.run([DEPLOY / "secrets.sh"], capture_output=True, text=True, check=True)
    secrets = dict(line.split("=", 1) for line in made.stdout.splitlines())
    assert len(set(secrets.values())) == len(secrets)
    assert all(re.fullmatch(r"[0-9a-f]{48}", value) for value in secrets.values())
    wanted = set(re.findall(r"\$\{(\w+):\?", (DEPLOY / "compose.yaml").read_text("utf-8")))
    assert set(secrets) == wanted
    logins = re.search(r"for process in (.+);", (DEPLOY / "postgres/logins.sh").read_text())
    assert logins
    given = set(COMPOSE["services"]["roles"]["environment"])
    assert {f"{name.upper()}_PASSWORD" for name in logins[1].split()} == given - {
        *("PGHOST", "PGUSER", "PGDATABASE", "PGPASSWORD")
    }


def test_the_proxy_knows_each_http_process_and_no_other() -> None:
    servers = re.findall(r"server ([\w-]+):8080", (DEPLOY / "nginx/verbatim.conf").read_text())
    assert sorted(servers) == sorted(name for name in OURS if HTTP.fullmatch(name))
    assert [p for s in COMPOSE["services"].values() for p in s.get("ports", [])] == ["8000:8000"]


def test_the_proxy_sends_each_request_to_a_process_that_knows_it() -> None:
    proxy = (DEPLOY / "nginx/verbatim.conf").read_text()
    of_paths = re.findall(r"location ~ (\S+) \{\n\s+proxy_pass http://(\w+);", proxy)
    assert len(of_paths) == proxy.count("location ~")
    of_methods = dict(re.findall(r"(\w+) +(\w+);", proxy.partition("map ")[2].partition("}")[0]))
    parts = processes._parts(
        Settings(), processes.ROOMS, Minter(), Figures(), lambda _: Cursors(b"a test")
    )
    for room, part in parts.items():
        for endpoint in part.endpoints:
            path = PARAMETER.sub("one", endpoint.path)
            by_path = [to for pattern, to in of_paths if re.search(pattern, path)]
            by_method = of_methods.get(endpoint.method, of_methods["default"])
            assert next(iter(by_path), by_method) == room, (endpoint.method, path)


def test_files_that_are_mounted_or_copied_are_there() -> None:
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert source in COMPOSE["volumes"] or (DEPLOY / source).exists(), volume
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (DEPLOY.parent / source).exists(), source
            ignored = (DEPLOY.parent / ".dockerignore").read_text().splitlines()
            assert f"!{source}" in ignored


def test_the_image_holds_every_package_of_the_wheel() -> None:
    import tomllib

    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text("utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    for package in packages:
        assert f"COPY {package} {package}\n" in dockerfile


def test_nats_lets_the_largest_event_through() -> None:
    from deploy.embedded.nats import MAX_PAYLOAD

    text = (DEPLOY / "nats/nats.conf").read_text()
    assert f"max_payload: {MAX_PAYLOAD} " in text
