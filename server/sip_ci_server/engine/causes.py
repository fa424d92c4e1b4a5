"""One fault, one finding: findings that describe the same fault from two sides are joined, effects point at causes."""

from __future__ import annotations

SAME_FAULT: dict[str, tuple[str, ...]] = {
    "sdp-488": ("sdp-no-common-codec", "reinvite-rejected"),
    "txn-no-response": (
        "txn-icmp-unreachable",
        "tcp-connect-refused",
        "tcp-connect-timeout",
        "udp-too-large",
        "resp-misrouted",
    ),
    "txn-invite-retransmitted": ("txn-no-response", "txn-icmp-unreachable", "udp-too-large", "resp-misrouted"),
    "loop-482": ("too-many-hops-483",),
    "auth-loop": ("auth-failed-credentials",),
    "auth-no-credentials": ("auth-failed-credentials",),
    "reg-failed": ("auth-failed-credentials", "auth-no-credentials", "auth-loop"),
    "drop-at-fixed-interval": ("ack-missing-2xx",),
    "media-none": ("media-one-way",),
    "sdp-mline-count": ("sdp-answer-missing",),
    "kpi-srd-failed": ("txn-no-response",),
    "tcp-connect-timeout": ("tcp-connect-refused",),
}
"""A finding of the left check is dropped in a call where one of the right, more specific ones is found."""

EFFECTS: dict[str, tuple[str, ...]] = {
    "ack-missing-2xx": ("record-route-not-honored",),
    "media-one-way": ("nat-sdp-private", "nat-sdp-loopback", "sdp-no-common-codec"),
    "media-none": ("nat-sdp-private", "nat-sdp-loopback", "sdp-no-common-codec", "sdp-answer-missing"),
    "bye-abnormal-cause": (
        "ack-missing-2xx", "ack-sdp-missing", "media-none", "media-one-way", "sdp-answer-missing", "reinvite-rejected",
    ),
    "drop-at-fixed-interval": ("ack-missing-2xx", "record-route-not-honored", "nat-sdp-private"),
    "bye-rejected": ("record-route-not-honored", "ack-missing-2xx"),
    "txn-invite-retransmitted": ("udp-too-large",),
    "sdp-no-common-codec": (),
    "final-408": ("txn-no-response", "txn-icmp-unreachable", "udp-too-large", "resp-misrouted"),
    "final-503": ("tcp-connect-refused", "tcp-connect-timeout", "txn-icmp-unreachable"),
    "kpi-pdd": ("txn-invite-retransmitted",),
    "rtp-loss": ("cap-packets-dropped",),
}  # fmt: skip
"""A finding of the left check names the findings of the right ones in the same call as its causes."""
