"""The database and the uploaded captures."""

from __future__ import annotations
