"""Facts about instruction sets, as data.  No I/O."""
