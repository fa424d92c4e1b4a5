"""What is made of an input as a whole: archives unfolded, other forms written, calls diagnosed and reported."""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from tests.support.conversion import converted
from tests.support.invariants import in_step

from fuzz import seeds, tokens
from fuzz.interface import Target
from fuzz.targets.captures import LIMITS, unfolded
from sip_ci import __version__
from sip_ci.catalogue import load_catalogue
from sip_ci.collect.collecting import CollectedInputs
from sip_ci.collect.unfolding import Unfolder
from sip_ci.convert.forms import Form
from sip_ci.errors import InputError, NoInputError
from sip_ci.findings import Severity
from sip_ci.inputs import TraceFile
from sip_ci.judge.gate import judge
from sip_ci.locate.locating import locate
from sip_ci.report.interface import ReportData, ReportOptions
from sip_ci.report.registry import FORMATS, renderer
from sip_ci.service.translation import Part, translate
from sip_ci.service.wire import AnalysisResponse
from sip_ci.trace.input_stream import InputStream
from sip_ci.trace.notice_log import NoticeLog
from sip_ci.trace.reading import read_trace
from sip_ci.trace.redact import Redactor
from sip_ci_server.engine.analysis import analyze

_CATALOGUE = load_catalogue()
_TIGHT = replace(LIMITS, decompressed_bytes=4 << 20)


def compression(data: bytes) -> int:
    """A compressed file: it unfolds to no more than the limits allow, whatever it says of itself."""
    stream = InputStream(io.BytesIO(data), _TIGHT, NoticeLog())
    size = 0
    while piece := stream.read(65536):
        size += len(piece)
    assert size <= _TIGHT.decompressed_bytes + (1 << 20)
    return max(size, len(data))


def archive(data: bytes) -> int:
    """An archive, unfolded: members lie in the private folder, whatever they are called."""
    with tempfile.TemporaryDirectory(prefix="sip-ci-fuzz-") as folder, Unfolder(_TIGHT) as unfolder:
        path = Path(folder, "x.zip")
        path.write_bytes(data)
        inputs = CollectedInputs((TraceFile("x.zip", path),), (), ())
        size = len(data)
        with contextlib.suppress(InputError, NoInputError):
            for file in unfolder.unfold(inputs).files:
                assert ".." not in file.name.split("/")
                assert file.path == path or file.path.parent.name.startswith("sip-ci-members-")
                size += file.path.stat().st_size
        assert [item.name for item in Path(folder).iterdir()] == ["x.zip"]
    # What is no trace is unfolded, too, to see that it is none.
    return max(size, min(unfolded(data), _TIGHT.decompressed_bytes))


def conversion(data: bytes) -> int:
    """A trace in every form: JSON is JSON, and the capture is one that can be read."""
    trace = read_trace(data, "x", LIMITS)
    redactor = Redactor(b"key") if len(data) % 2 else None
    for form in Form:
        written = converted(trace, form, redactor=redactor)[0]
        if form is Form.JSON:
            json.loads(written)
        elif form is Form.PCAP and trace.messages:
            again = read_trace(written, "again.pcapng")
            in_step(again)
            assert again.format == "pcapng"
    return unfolded(data)


def diagnosis(data: bytes) -> int:
    """From the bytes to all reports."""
    trace = read_trace(data, "x", LIMITS)
    response = AnalysisResponse.model_validate_json(analyze(trace).model_dump_json())
    file = TraceFile("x", Path("x"))
    analysis = translate(file, [Part(response)], is_text=True)
    judged, verdict = judge(locate(analysis.findings, {"x": "x"}, None), Severity.HIGH)
    report = ReportData(__version__, (analysis.result,), judged, verdict, _CATALOGUE)
    for name in FORMATS:
        text = renderer(name)(report, ReportOptions()).encode("utf-8", "replace")
        if name in ("json", "sarif"):
            json.loads(text)
        elif name == "junit":
            ElementTree.fromstring(text)
    return unfolded(data)


def _traces() -> list[bytes]:
    return [*seeds.captures(), *seeds.logs()]


TARGETS = (
    Target("compression", compression, seeds.compressed, tokens.ARCHIVES),
    Target("archive", archive, lambda: [*seeds.archives(), *seeds.compressed()], tokens.ARCHIVES, 20_000),
    Target("conversion", conversion, _traces, tokens.LOGS),
    Target("diagnosis", diagnosis, lambda: _traces()[::6], tokens.LOGS, weight=1),
)
