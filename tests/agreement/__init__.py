"""The service against a model of its API: any operations, in any order, and both agree after each.

`python -m tests.agreement --help` is the long run; `test_agreement.py` a short one.
"""
