"""GDB agent expressions: the safe bytecode.  Verified before it runs, bounded, never writes; no I/O."""
