"""A listening socket, or a line that says why there is none."""

import socket


class PortTaken(Exception):  # noqa: N818 - names the finding
    """The address cannot be listened on; the message says which setting to change."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one. Raises PortTaken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2_048)
    except OSError as error:
        listener.close()
        raise PortTaken(
            f"cannot listen on {host}, port {port} ({error.strerror});"
            " choose another with VERBATIM_PORT or VERBATIM_HOST"
        ) from error
    listener.setblocking(False)
    return listener
