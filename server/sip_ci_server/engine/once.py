"""Facts of a whole trace that several checks, or the same check of many subjects, ask for: computed once for each."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from sip_ci_server.engine.model import Model

_Fact = TypeVar("_Fact")


def once_for_each_model(compute: Callable[[Model], _Fact]) -> Callable[[Model], _Fact]:
    """Compute a fact when a model is first asked for it, and forget it with the model."""
    known: WeakKeyDictionary[Model, _Fact] = WeakKeyDictionary()

    @wraps(compute)
    def ask(model: Model) -> _Fact:
        if model not in known:
            known[model] = compute(model)
        return known[model]

    return ask
