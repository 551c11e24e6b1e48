"""Real PostgreSQL and NATS for development and tests, from wheels, started by ourselves.

It promises: one owner of a data folder; a server that dies with its owner and comes back with its
data; nothing but this folder is touched.
"""
