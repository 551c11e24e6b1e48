"""Variables of the tests' own. Named `VERBATIM_…` like the settings, but no service knows them, and one would refuse to start:
they are taken out of the environment before any is started."""

import os


def taken(name: str) -> str:
    """What `VERBATIM_<name>` said, "" where it is not set; handed on to the workers under a name that is no setting's."""
    handed_on = f"TESTS_{name}"
    if given := os.environ.pop(f"VERBATIM_{name}", ""):
        os.environ[handed_on] = given
    return os.environ.get(handed_on, "")
