"""Promises under faults: real processes, seeded clients, one fault, healing, one checker for all.

`python -m tests.faults --help` is the full run; `test_faults.py` a short one.
"""
