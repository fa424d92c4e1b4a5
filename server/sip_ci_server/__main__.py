"""`python -m sip_ci_server`: the same as the command `sip-ci-server`."""

from __future__ import annotations

from sip_ci_server.cli import run

if __name__ == "__main__":
    run()
