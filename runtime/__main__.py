"""`python -m runtime` is the same as `textuportray`."""

import sys

from runtime.cli import main

sys.exit(main())
