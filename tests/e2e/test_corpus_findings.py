"""Every finding in the corpus was judged by looking at the trace, and none that is left is false."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.corpus_findings import JUDGEMENTS, files, findings_of, judged
from tests.support.corpus import needs_corpus

pytestmark = [pytest.mark.corpus, needs_corpus]

TABLE = judged()


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_every_finding_is_judged_and_none_is_false(path: Path) -> None:
    judgements = {key: TABLE.get(key, ("", ""))[0] for key in findings_of(path)}
    assert {key: told for key, told in judgements.items() if told not in JUDGEMENTS} == {}


def test_judgements_have_reasons() -> None:
    assert [key for key, (judgement, why) in TABLE.items() if judgement in JUDGEMENTS and not why] == []
