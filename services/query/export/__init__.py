"""Exports: everything of a conversation, of a user, of a workspace, as it stood at one position of the log.

It promises: one position for all of it, named in the export, whatever is written meanwhile; texts as they came; memory
that does not grow with the size; no false end, where it breaks off; a record of who asked for what.
"""
