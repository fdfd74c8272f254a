"""The kernel's interface as data: names, arguments, flags and structures of system calls.  No I/O."""
