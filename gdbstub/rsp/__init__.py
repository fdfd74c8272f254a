"""The wire: bytes to packets to typed commands, and back.  No I/O and no target."""
