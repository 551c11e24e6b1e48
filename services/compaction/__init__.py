"""Compaction as a service does it: load from the log, think, let a model write where one is set, append one event."""
