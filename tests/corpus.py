"""Where recorded days and answers of real sources lie, on machines that have them."""

import os
from pathlib import Path

SHARED = Path(os.environ.get("DIGEST_TEST_CORPUS") or Path(__file__).parents[2] / "shared")
