"""Faults that VoIP projects reported and fixed, rebuilt as traces: each is found, as a root, with advice for the fix.

What the maintainers said stands in the index beside the traces, column `truth`.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.support.corpus import CORPUS, needs_corpus

from sip_ci.findings import Severity
from sip_ci.service.wire import AnalysisContext, AnalysisResponse
from sip_ci.trace.reading import read_trace
from sip_ci_server.engine.analysis import analyze
from sip_ci_server.engine.knowledge.texts import text_of

pytestmark = [pytest.mark.corpus, needs_corpus]

FOLDER = CORPUS / "field-bugs"


@dataclass(frozen=True, slots=True)
class FieldBug:
    """One rebuilt report."""

    file: str
    check: str
    """The check that names the fault that the maintainers named."""
    platform: str
    """The platform whose advice says how to fix or avoid it: the one at fault, or one that stands in for it."""
    severity: Severity
    """It is found at least as bad as this."""
    beside: frozenset[str] = frozenset()
    """Other checks that may stand beside it as roots at medium or above, because the trace shows them as well."""


FIELD_BUGS = (
    FieldBug("asterisk_794_prack-does-not-stop-183", "reliable-1xx-after-prack", "asterisk", Severity.MEDIUM),
    FieldBug("asterisk_956_headers-over-4000-bytes-dropped", "udp-too-large", "asterisk", Severity.MEDIUM),
    FieldBug("baresip_3353_avp-answered-savp-over-tls", "sdp-profile-mismatch", "asterisk", Severity.HIGH),
    FieldBug("baresip_717_reregister-401-new-nonce-not-stale", "auth-stale-unsaid", "kamailio", Severity.LOW),
    FieldBug("boghe_168_no-prack-for-183", "prack-missing", "asterisk", Severity.HIGH),
    FieldBug("drachtio-server_83_ack-timeout-bye", "ack-missing-2xx", "kamailio", Severity.CRITICAL),
    FieldBug("drachtio-server_87_update-refresh-ignored", "st-refresh-ignored", "asterisk", Severity.MEDIUM),
    FieldBug("freeswitch_1779_401-without-www-authenticate", "auth-challenge-missing", "freeswitch", Severity.HIGH),
    FieldBug("jssip_829_no-common-codec-488", "sdp-488", "webrtc", Severity.HIGH),
    FieldBug(
        "kamailio_267_strict-router-treated-as-loose", "strict-route-not-applied", "kamailio", Severity.MEDIUM,
        frozenset({"record-route-no-lr"}),
    ),
    FieldBug("livekit-sip_141_200ok-private-connection-address", "nat-sdp-private", "asterisk", Severity.LOW),
    FieldBug("livekit-sip_371_cancel-200-but-no-487", "cancel-no-487", "asterisk", Severity.LOW),
    FieldBug(
        "livekit-sip_388_200ok-sent-to-private-via", "resp-misrouted", "kamailio", Severity.HIGH,
        frozenset({"nat-contact-private", "nat-sdp-private"}),
    ),
    FieldBug("pjproject_3700_telephone-event-pt-remapped", "sdp-pt-remap", "asterisk", Severity.LOW),
    FieldBug(
        "rtpengine_929_savp-answer-without-crypto", "srtp-no-keys", "kamailio", Severity.HIGH,
        frozenset({"sdes-key-in-clear"}),
    ),
    FieldBug("rustrtc_31_savp-crypto-answered-webrtc-profile", "sdp-profile-mismatch", "webrtc", Severity.LOW),
    FieldBug("sipjs_672_rack-undefined", "rack-mismatch", "asterisk", Severity.MEDIUM),
    FieldBug(
        "telephone_586_invite-over-1500-udp-request-timeout", "udp-too-large", "asterisk", Severity.HIGH,
        frozenset({"nat-sdp-private"}),
    ),
)  # fmt: skip


def _report(bug: FieldBug) -> AnalysisResponse:
    path = FOLDER / f"{bug.file}.txt"
    return analyze(read_trace(path, path.name), AnalysisContext())


def test_every_rebuilt_report_is_here() -> None:
    assert {bug.file for bug in FIELD_BUGS} == {path.stem for path in FOLDER.glob("*.txt")}


@pytest.mark.parametrize("bug", FIELD_BUGS, ids=lambda bug: bug.file)
def test_the_fault_is_found_and_is_a_root(bug: FieldBug) -> None:
    found = {finding.check: finding for finding in reversed(_report(bug).findings)}
    assert bug.check in found, sorted(found)
    assert found[bug.check].root
    assert found[bug.check].severity.at_least(bug.severity)
    assert found[bug.check].evidence


@pytest.mark.parametrize("bug", FIELD_BUGS, ids=lambda bug: bug.file)
def test_no_other_root_fails_a_build(bug: FieldBug) -> None:
    roots = {
        finding.check
        for finding in _report(bug).findings
        if finding.root and finding.severity.at_least(Severity.MEDIUM)
    }
    assert roots <= {bug.check} | bug.beside


@pytest.mark.parametrize("bug", FIELD_BUGS, ids=lambda bug: bug.file)
def test_advice_for_the_platform_is_given(bug: FieldBug) -> None:
    text = text_of(bug.check)
    assert text.recommendation
    assert text.platforms.get(bug.platform), sorted(text.platforms)
