"""The program's version, from its installation."""

from importlib.metadata import version

VERSION = version("verbatim")
