"""In which threads a function is called."""

from collections.abc import Callable
from importlib import import_module
from threading import current_thread


def noting(name: str, threads: set[str]) -> Callable[..., object]:
    """The function of this name; it notes the threads' names. That of a service's event loop is `service`."""
    module, _, attribute = name.rpartition(".")
    real = getattr(import_module(module), attribute)

    def noted(*args: object, **more: object) -> object:
        threads.add(current_thread().name)
        return real(*args, **more)

    return noted
