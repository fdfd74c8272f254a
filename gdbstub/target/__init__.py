"""What may be asked of an inferior, what it reports, and what an engine is.  Protocols and values only."""
