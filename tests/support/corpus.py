"""Where the captures and messages of strangers lie: beside the project, or where `SIP_CI_CORPUS` says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

CORPUS = Path(os.environ.get("SIP_CI_CORPUS") or Path(__file__).parents[2].parent / "shared" / "corpus")

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus beside the project is missing")
