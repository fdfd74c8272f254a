"""The kernel: ptrace calls, wait statuses, registers, memory, /proc, starting programs."""
