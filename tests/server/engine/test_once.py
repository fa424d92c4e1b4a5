"""Facts that are computed once for each model."""

from __future__ import annotations

from tests.support.calls import Ladder

from sip_ci_server.engine.model import Model
from sip_ci_server.engine.once import once_for_each_model


def test_a_fact_is_computed_once_for_each_model_also_where_it_is_none() -> None:
    asked: list[Model] = []

    @once_for_each_model
    def fact(model: Model) -> None:
        asked.append(model)

    first, second = Ladder().model(), Ladder().model()
    for model in (first, first, second, first):
        fact(model)

    assert asked == [first, second]
