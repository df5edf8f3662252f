"""`python -m zhike` is the `zhike` command."""

import sys

from zhike.cli import main

sys.exit(main())
