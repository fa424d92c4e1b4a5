"""The symptoms that users name (`context.issue`), and the explicit answer to each."""

from __future__ import annotations

from collections.abc import Sequence

from sip_ci.findings import Severity
from sip_ci.service.wire import IssueVerdict, NotChecked, WireFinding
from sip_ci_server.engine.model import Model

SYMPTOMS: dict[str, tuple[str, ...]] = {
    "one-way-audio": ("media-one-way", "nat-sdp-private", "nat-sdp-loopback", "sdp-answer-missing"),
    "no-audio": (
        "media-none", "media-one-way", "nat-sdp-private", "nat-sdp-loopback", "sdp-no-common-codec",
        "sdp-answer-missing",
    ),
    "registration-failing": (
        "reg-failed", "reg-not-refreshed", "auth-failed-credentials", "auth-no-credentials", "auth-loop",
        "txn-no-response", "txn-icmp-unreachable",
    ),
    "calls-dropping": (
        "ack-missing-2xx", "drop-at-fixed-interval", "bye-abnormal-cause", "reinvite-rejected",
        "record-route-not-honored",
    ),
    "choppy-audio": ("rtp-loss", "sdp-ptime-mismatch"),
    "call-setup-failing": (
        "txn-no-response", "txn-icmp-unreachable", "sdp-488", "sdp-no-common-codec", "auth-failed-credentials",
        "udp-too-large", "resp-misrouted", "tcp-connect-refused", "tcp-connect-timeout", "loop-482",
        "too-many-hops-483", "final-403", "final-404", "final-480", "final-500", "final-503",
    ),
    "transfer-failing": (),
    "dtmf-failing": (),
    "fax-failing": ("reinvite-rejected", "sdp-488"),
}  # fmt: skip
"""The recognised symptoms, and the checks that explain them."""


def symptom_of(issue: str | None) -> str | None:
    """The recognised symptom in a free text; spaces and underscores count as hyphens."""
    if not issue:
        return None
    normal = "-".join(issue.lower().replace("_", " ").replace("-", " ").split())
    return next((name for name in SYMPTOMS if name in normal), None)


def relevance(check: str, issue: str | None) -> int:
    """0 for a check that explains the symptom, 1 for any other."""
    symptom = symptom_of(issue)
    return 0 if symptom is not None and check in SYMPTOMS[symptom] else 1


def judge_issue(
    issue: str | None, findings: Sequence[WireFinding], not_checked: Sequence[NotChecked], model: Model
) -> IssueVerdict | None:
    """Answer the hint: confirmed, refuted or not observable, with the reason."""
    if not issue:
        return None
    symptom = symptom_of(issue)
    if symptom is None:
        return IssueVerdict(
            hint=issue,
            verdict="not observable",
            reason="this symptom has no decision procedure; the findings stand by themselves",
        )
    checks = SYMPTOMS[symptom]
    hits = [finding for finding in findings if finding.check in checks and finding.severity.at_least(Severity.MEDIUM)]
    if hits:
        return IssueVerdict(
            hint=issue, verdict="confirmed", reason="; ".join(dict.fromkeys(hit.title for hit in hits[:3]))
        )
    unanswered = [item for item in not_checked if item.check in checks]
    if not checks:
        return IssueVerdict(
            hint=issue, verdict="not observable", reason="no check of this version decides this symptom"
        )
    primary = [item for item in unanswered if item.check == checks[0]]
    if primary or not model.messages:
        reason = primary[0].reason if primary else "the trace holds no SIP"
        return IssueVerdict(hint=issue, verdict="not observable", reason=reason)
    return IssueVerdict(
        hint=issue, verdict="refuted", reason="none of the checks that explain it found anything: " + ", ".join(checks)
    )
