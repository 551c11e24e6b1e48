"""Followers of the log: read models, one a file, and the runner that keeps them up to date.

It promises: a read model's rows and its checkpoint are one transaction; rows are what a replay from
position 1 would make; an event that cannot be taken in parks its conversation and nothing else.
"""
