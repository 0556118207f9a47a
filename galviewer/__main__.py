"""``python -m galviewer`` is the command ``galviewer``."""

from __future__ import annotations

import sys

from galviewer.cli import main

if __name__ == "__main__":
    sys.exit(main())
