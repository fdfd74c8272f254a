"""One package for each kind of client.  Sees only rsp, arch, target and vocab; does no I/O."""
