"""Pure diagnosis: a Trace and a context become a report. No HTTP, no database, no clock of its own."""

from __future__ import annotations
