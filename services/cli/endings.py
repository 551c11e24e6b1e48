"""How a command ends: with an exit code, and one plain line where something is wrong."""

import errno
import logging
import os
import sys
from typing import NoReturn

import click as plain_click
import rich_click as click

from services.cli.helping import nearest
from services.cli.interrupts import INTERRUPTED

NOT_DONE, NOT_STARTED = 1, 2


def run(cli: plain_click.Command) -> NoReturn:
    """Exit codes: 0 done, 1 not (all) done, 2 could not start or used wrongly, 130 interrupted."""
    code: object = 0
    try:
        code = cli.main(prog_name="verbatim", standalone_mode=False)
    except click.ClickException as error:
        _fail(_message(error), error.exit_code)
    except click.Abort:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _leave_quietly()
    except OSError as error:
        if error.errno == errno.EPIPE:
            _leave_quietly()
        _unexpected(error)
    except Exception as error:  # noqa: BLE001 - the last resort, logged where there is a log
        _unexpected(error)
    sys.exit(code if isinstance(code, int) else 0)


def _leave_quietly() -> NoReturn:
    """The interpreter flushes standard output once more on its way out."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(NOT_DONE)


def _unexpected(error: Exception) -> NoReturn:
    """A trace is for the log of a service and for whoever asks for it; one line for everybody else."""
    if logging.getLogger().handlers or os.environ.get("VERBATIM_LOG_LEVEL") == "debug":
        logging.getLogger("verbatim").error("ended by an unexpected error", exc_info=error)
    told = one_line(str(error))
    _fail(
        f"unexpected {type(error).__name__}{': ' if told else ''}{told};"
        " VERBATIM_LOG_LEVEL=debug shows where",
        NOT_DONE,
    )


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(code)


def one_line(text: str) -> str:
    return " ".join(text.split())


def _message(error: click.ClickException) -> str:
    """And for a wrong use, where to read on."""
    told = one_line(error.format_message())
    if not isinstance(error, click.UsageError):
        return told
    if isinstance(error, plain_click.NoSuchOption) and error.ctx is not None:
        options = [name for param in error.ctx.command.params for name in param.opts]
        name = error.option_name
        told = f"there is no option `{name}`{nearest(name, [*options, '--help'])}"
    path = error.ctx.command_path if error.ctx is not None else "verbatim"
    return f"{told} See `{path} --help`" if told[-1] in ".?" else f"{told}; see `{path} --help`"
