"""`verbatim`: the list of commands. Each is imported only when it is asked for."""

import sys
from importlib import import_module
from importlib.metadata import version

import click as plain_click
import rich_click as click
from typing_extensions import override

COMMANDS = {
    "dev": ("services.cli.dev:dev", "Run everything on this machine, embedded servers included."),
    "import": ("services.cli.imports:import_file", "Import conversations from a JSONL file."),
    "doctor": ("services.cli.doctor:doctor", "Say what is wrong and how to mend it."),
    "config": ("services.cli.config:config", "Show the settings in effect, secrets hidden."),
    "keys": ("services.cli.keys:keys", "Create, list and revoke API keys."),
    "command": ("services.cli.serve:command", "Serve writes over HTTP."),
    "query": ("services.cli.serve:query", "Serve reads over HTTP."),
    "projections": ("services.cli.projections:projections", "Keep the read models up to date."),
    "migrate": ("services.cli.migrate:migrate", "Bring the database's tables up to date."),
}
HIDDEN = {"serve": "services.cli.serve:serve"}

click.rich_click.COMMAND_GROUPS = {
    "*": [
        {"name": "Everyday", "commands": ["dev", "import", "doctor", "config"]},
        {
            "name": "Running in production",
            "commands": ["migrate", "keys", "command", "query", "projections"],
        },
    ]
}
click.rich_click.USE_RICH_MARKUP = True


class LazyGroup(click.RichGroup):
    """Imports a command when it is run; help needs none of them."""

    @override
    def list_commands(self, ctx: plain_click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: plain_click.Context, cmd_name: str) -> plain_click.Command | None:
        if ctx.resilient_parsing or cmd_name not in COMMANDS | HIDDEN:
            return None
        if cmd_name in COMMANDS and not _is_asked_for(cmd_name):
            return plain_click.Command(cmd_name, help=COMMANDS[cmd_name][1])
        target = COMMANDS[cmd_name][0] if cmd_name in COMMANDS else HIDDEN[cmd_name]
        module, _, name = target.partition(":")
        return getattr(import_module(module), name)


def _is_asked_for(name: str) -> bool:
    return name in sys.argv[1:2]


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("verbatim"), prog_name="verbatim")
def cli() -> None:
    r"""The conversation store for applications with language models.

    \b
    First steps:
      verbatim dev                        run the service on this machine
      verbatim import chats.jsonl         import conversations into it
      verbatim COMMAND --help             what a command does, with examples

    Settings are environment variables VERBATIM_… or verbatim.toml; see `verbatim config`.
    """


def main() -> None:
    """Exit codes: 0 done, 1 not (all) done, 2 could not start."""
    cli.main(prog_name="verbatim")
