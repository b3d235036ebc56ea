"""`python -m fmnist`: see `fmnist.cli`."""

import sys

from fmnist.cli import main

if __name__ == "__main__":
    sys.exit(main())
