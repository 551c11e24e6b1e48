"""Why an embedded server could not be had; the message says what to do."""


class EmbeddedServerError(Exception):
    """An embedded server could not be started."""
