"""How Verbatim runs: embedded servers, the supervisor of processes, the vocabularies."""
