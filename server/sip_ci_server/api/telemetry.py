"""Counters for operators, in Prometheus's text format (version 0.0.4)."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_METHODS = frozenset({"GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Telemetry:
    """Counts since the start of this process. Labels are few and never from a request's own text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._durations = [0] * (len(_BUCKETS) + 1)
        self._duration_sum = 0.0
        self._uploaded_bytes = 0

    def request(self, method: str, route: str, status: int) -> None:
        """Count one answered request; `route` is the route's template."""
        with self._lock:
            self._requests[method if method in _METHODS else "other", route, status] += 1

    def analysis(self, seconds: float) -> None:
        """Count one finished analysis."""
        with self._lock:
            self._durations[bisect_left(_BUCKETS, seconds)] += 1
            self._duration_sum += seconds

    def uploaded(self, size: int) -> None:
        """Count an uploaded capture's bytes."""
        with self._lock:
            self._uploaded_bytes += size

    def render(self, pending: int) -> str:
        """Return all metrics; `pending` analyses are running or waiting."""
        with self._lock:
            lines = ["# HELP sip_ci_requests_total Requests answered.", "# TYPE sip_ci_requests_total counter"]
            for (method, route, status), count in sorted(self._requests.items()):
                labels = f'method="{method}",route="{route}",status="{status}"'
                lines.append(f"sip_ci_requests_total{{{labels}}} {count}")
            name = "sip_ci_analysis_seconds"
            lines += [f"# HELP {name} Time from request to answer of finished analyses.", f"# TYPE {name} histogram"]
            total = 0
            for bound, count in zip((*map(str, _BUCKETS), "+Inf"), self._durations, strict=True):
                total += count
                lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
            lines += [f"{name}_sum {self._duration_sum:.6f}", f"{name}_count {total}"]
            lines += [
                "# HELP sip_ci_analyses_pending Analyses running or waiting.",
                "# TYPE sip_ci_analyses_pending gauge",
                f"sip_ci_analyses_pending {pending}",
                "# HELP sip_ci_uploaded_bytes_total Bytes of captures uploaded.",
                "# TYPE sip_ci_uploaded_bytes_total counter",
                f"sip_ci_uploaded_bytes_total {self._uploaded_bytes}",
            ]
            return "\n".join(lines) + "\n"
