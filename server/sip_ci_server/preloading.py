"""Imported by the fork server before all else: what it loads stays, and looking for garbage in it only costs time.

Workers take garbage collection up again when they start.
"""

from __future__ import annotations

import gc

gc.disable()
