"""Which endpoint a path belongs to: the short way past Litestar's router, for paths in their plain spelling.

Litestar's router and the layers around it take 16 µs of an append's 185 (measured). It keeps all that is rare: pages, OPTIONS,
another spelling of a path, and what is found nowhere.
"""

from typing import Generic, TypeVar

from services.http.endpoint import PARAMETER

AppT = TypeVar("AppT")


class _Node(Generic[AppT]):
    """A place in the tree of segments; `apps` by method, each with the names of the path's parameters."""

    __slots__ = ("any", "apps", "spelled")

    def __init__(self) -> None:
        self.spelled: dict[str, _Node[AppT]] = {}
        self.any: _Node[AppT] | None = None
        self.apps: dict[str, tuple[AppT, list[str]]] = {}


class Routes(Generic[AppT]):
    """As Litestar does it, a segment that is spelled out goes before a parameter."""

    def __init__(self) -> None:
        self._root: _Node[AppT] = _Node()

    def add(self, method: str, path: str, app: AppT) -> None:
        """`path` in Litestar's notation; one that takes slashes is left to Litestar."""
        if ":path}" in path:
            return
        node = self._root
        names: list[str] = []
        for segment in path.split("/")[1:]:
            parameter = PARAMETER.fullmatch(segment)
            if parameter is None:
                node = node.spelled.setdefault(segment, _Node())
                continue
            names.append(parameter[1])
            node.any = node = node.any or _Node()
        node.apps[method] = (app, names)

    def find(self, method: str, path: str) -> tuple[AppT, dict[str, str]] | None:
        """The app and the path's parameters; None where Litestar must look."""
        node = self._root
        values: list[str] = []
        for segment in path.split("/")[1:]:
            below = node.spelled.get(segment)
            if below is None:
                below = node.any
                if below is None or not segment:
                    return None
                values.append(segment)
            node = below
        found = node.apps.get(method)
        if found is None:
            return None
        app, names = found
        return app, dict(zip(names, values, strict=True))
