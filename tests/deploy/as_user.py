"""`python -m tests.deploy.as_user UID PATH… -- COMMAND…`: exec the command as another user to whom the paths are open.

For root only. The paths may lie under folders that only root may enter.
"""

import os
import sys
from pathlib import Path

from deploy.embedded.accounts import open_to


def main() -> None:
    end = sys.argv.index("--")
    command = sys.argv[end + 1 :]
    os.umask(0o022)
    here = Path.cwd()
    open_to(int(sys.argv[1]), [Path(path) for path in sys.argv[2:end]])
    os.chdir(here)  # the covered folder, no longer the one below
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
