"""Trace state variables that the server offers by itself.

Layer: vocab.  Used by: tracer (conditions), engines (tracing).
"""

from __future__ import annotations

#: ``$trace_timestamp``: microseconds of a clock that never goes back.
TRACE_TIMESTAMP = 1
