"""The processes that follow the log, each wired in a module of its own: none loads the HTTP framework or another's libraries."""
