"""Ten times the load that a process bears: refused fast, recovered from, nothing acknowledged lost.

`python -m tests.overload --help`.
"""
