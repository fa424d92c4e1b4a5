"""What a worker does with one input. This module is what workers preload: importing it imports the engine."""

from __future__ import annotations

import gc
import importlib
from pathlib import Path

from sip_ci.service.wire import AnalysisContext
from sip_ci.trace.limits import Limits
from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.analysis import analyze
from sip_ci_server.engine.checks.registry import all_checks

# Workers are forked from a process that has imported this module: what it loads now, no analysis waits for, but a run
# of one small capture waits for all of it. The many readers of logs are loaded by the worker that meets a text.
all_checks()
importlib.import_module("sip_ci.trace.capture.reader")

_UNREADABLE_FORMATS = frozenset({"unknown", "empty"})


class UnreadableInputError(Exception):
    """Raised for an input in which nothing could be read; its text says what was found and expected."""


def analyze_input(source: Path | str, name: str, context: AnalysisContext, limits: Limits | None = None) -> bytes:
    """Read one input, a file or the text of a trace itself, and return the JSON of its AnalysisResponse.

    Raises:
        UnreadableInputError: if the input is of no known form.
    """
    # An analysis makes millions of objects that all live until its end and form no cycles: looking for garbage among
    # them again and again takes longer than the analysis itself.
    gc.disable()
    try:
        return _analyze(source, name, context, limits)
    finally:
        gc.enable()


def _analyze(source: Path | str, name: str, context: AnalysisContext, limits: Limits | None) -> bytes:
    key_log = (context.tls_key_log or "").encode()
    trace = read_trace(source.encode("utf-8") if isinstance(source, str) else source, name, limits, key_log)
    if trace.format in _UNREADABLE_FORMATS:
        found = trace.notices[0].text if trace.notices else "The input holds nothing that is known here"
        raise UnreadableInputError(
            f"{found}; expected a pcap or pcapng capture (compressed ones too), raw SIP messages, or a log of "
            "sngrep, SIPp, Asterisk, FreeSWITCH or another known program"
        )
    return analyze(trace, context).model_dump_json().encode()
