"""``python -m pandas_shooju``."""

import sys

from pandas_shooju.cli import main

if __name__ == "__main__":
    sys.exit(main())
