"""Where the repository's own files are, for tests in any folder."""

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
DATA = ROOT / "data"
FORMATS = TESTS / "formats"
