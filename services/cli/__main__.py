"""`python -m services.cli`: the console command where its script is not on the path."""

import sys

from services.cli.main import main

sys.exit(main())
