"""One connection that speaks the GDB remote serial protocol, as an engine."""
