"""The command line: `verbatim`, one file a command."""
