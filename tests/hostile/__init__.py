"""Input that wishes us ill, in every place that takes any: no 5xx, nobody left hanging, nothing half-written.

`python -m tests.hostile --help` is the long run; `test_hostile.py` a short one.
"""
