"""`verbatim`: the list of commands. Each is imported only when it is run."""

from importlib import import_module
from importlib.metadata import version
from typing import NoReturn

import click as plain_click
import rich_click as click
from typing_extensions import override

from services.cli import interrupts
from services.cli.endings import run
from services.cli.helping import Group

COMMANDS = {
    "dev": ("services.cli.dev:dev", "Run everything on this machine, embedded servers included."),
    "import": ("services.cli.imports:import_file", "Import conversations from a JSONL file."),
    "export": ("services.cli.export:export", "Export a conversation, a user's, a workspace's."),
    "exports": ("services.cli.exports:exports", "Show who exported what."),
    "replay": ("services.cli.replay:replay", "Print the log's events as they are published."),
    "conversation": ("services.cli.conversation:conversation", "Show how a conversation stood."),
    "doctor": ("services.cli.doctor:doctor", "Say what is wrong and how to mend it."),
    "config": ("services.cli.config:config", "Show the settings in effect, secrets hidden."),
    "health": ("services.cli.health:health", "Ask a running process whether it serves."),
    "keys": ("services.cli.keys:keys", "Create, list and revoke API keys."),
    "command": ("services.cli.serve:command", "Serve writes over HTTP."),
    "query": ("services.cli.serve:query", "Serve reads over HTTP."),
    "gateway": ("services.cli.serve:gateway", "Serve chat completions over HTTP."),
    "projections": ("services.cli.projections:projections", "Keep the read models up to date."),
    "relay": ("services.cli.relay:relay", "Publish the log to NATS JetStream."),
    "compaction": ("services.cli.compaction:compaction", "Compact what has passed its trigger."),
    "dlq": ("services.cli.dlq:dlq", "See what workers gave up; try it again."),
    "events": ("services.cli.events:events", "Print the contract of the published events."),
    "migrate": ("services.cli.migrate:migrate", "Bring the database's tables up to date."),
}
HIDDEN = {"serve": "services.cli.serve:serve"}

click.rich_click.COMMAND_GROUPS = {
    "verbatim": [
        {
            "name": "Everyday",
            "commands": [
                "dev",
                "import",
                "export",
                "replay",
                "conversation",
                "doctor",
                "config",
                "events",
            ],
        },
        {
            "name": "Running in production",
            "commands": [
                *("migrate", "keys", "exports", "command", "query", "gateway"),
                *("projections", "relay", "compaction", "dlq", "health"),
            ],
        },
    ]
}
click.rich_click.TEXT_MARKUP = None  # brackets in a help text are brackets


class LazyGroup(Group):
    """Imports a command when it is run; help needs none of them."""

    @override
    def list_commands(self, ctx: plain_click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: plain_click.Context, cmd_name: str) -> plain_click.Command | None:
        """A stand-in, good enough for the list of commands."""
        if cmd_name in HIDDEN:
            return plain_click.Command(cmd_name, hidden=True)
        if cmd_name in COMMANDS:
            return plain_click.Command(cmd_name, help=COMMANDS[cmd_name][1])
        return None

    @override
    def resolve_command(
        self, ctx: plain_click.Context, args: list[str]
    ) -> tuple[str | None, plain_click.Command | None, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        target = HIDDEN[args[0]] if args[0] in HIDDEN else COMMANDS[args[0]][0]
        module, _, attribute = target.partition(":")
        command = getattr(import_module(module), attribute)
        interrupts.as_usual()
        return name, command, rest


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("verbatim"), prog_name="verbatim")
def cli() -> None:
    """The conversation store for applications with language models.

    First steps:
      verbatim dev                  run the service on this machine
      verbatim import chats.jsonl   import conversations into it
      verbatim COMMAND --help       what a command does, with an example

    Settings are environment variables VERBATIM_… or lines of verbatim.toml; `verbatim config` shows them.
    """


def main() -> NoReturn:
    run(cli)
