"""``python -m toctou.cli``, for where the ``toctou`` script is not on the path."""

from __future__ import annotations

import sys

from toctou.cli import main

if __name__ == "__main__":
    sys.exit(main())
