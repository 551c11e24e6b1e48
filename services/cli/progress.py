"""How far long work is, where somebody watches."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress(first: str = "reading the log") -> Generator[Callable[[str, int, int], None]]:
    """Yields what is to be told a description, how much is done and how much there is; shown on a terminal only."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(first, total=None)

        def tell(name: str, position: int, target: int) -> None:
            bar.update(task, description=name, completed=position, total=target)

        yield tell
