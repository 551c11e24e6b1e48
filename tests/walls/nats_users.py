"""NATS as `deploy/nats/nats.conf` has it, with two workspaces that are read from outside."""

import re
from contextlib import AbstractContextManager
from pathlib import Path

from typing_extensions import override

from deploy.embedded.nats import EmbeddedNats
from tests.servers import running

CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy/nats"
PASSWORD = "only-for-this-test"
WORKSPACES = ("acme", "rival")


def account_text(workspace: str, consumer: str = "") -> str:
    """The example of workspaces.conf, taken out of its comment. `consumer`: another than its own."""
    lines = (CONFIGURATION / "workspaces.conf").read_text().partition("\n#\n")[2].splitlines()
    text = "\n".join(line.removeprefix("#") for line in lines)
    text = text.replace("$ACME_ANALYTICS_PASSWORD", f'"{PASSWORD}"').replace("acme", workspace)
    return text.replace(f'.workspace_{workspace}"', f'.{consumer}"') if consumer else text


class DeployedNats(EmbeddedNats):
    """Only addresses, passwords and the accounts of workspaces are put in."""

    accounts = "\n".join(account_text(each) for each in WORKSPACES)

    @override
    def _configuration(self) -> str:
        (self._data / "workspaces.conf").write_text(self.accounts)
        text = (CONFIGURATION / "nats.conf").read_text()
        for wanted, given in (
            (r'listen: ".+"', f'listen: "127.0.0.1:{self._memory.nats_port}"'),
            (r'http: ".+"\n', ""),
            (r'store_dir: ".+"', f'store_dir: "{self._data / "jetstream"}"'),
            (r"\$\w+_NATS_PASSWORD", f'"{PASSWORD}"'),
        ):
            text, count = re.subn(wanted, given, text)
            assert count, wanted
        return text

    def url(self, user: str) -> str:
        return f"nats://{user}:{PASSWORD}@127.0.0.1:{self._memory.nats_port}"


def deployed_nats(path: Path) -> AbstractContextManager[DeployedNats]:
    return running(DeployedNats, path)
