"""`python -m clockodile` is the same as `clockodile`."""

import sys

from clockodile.app.cli import main

sys.exit(main())
