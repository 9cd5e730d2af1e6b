"""``python -m raylab.cli`` is the ``raylab`` command."""

import sys

from raylab.cli import main

if __name__ == "__main__":
    sys.exit(main())
