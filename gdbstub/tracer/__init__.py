"""The one owner of ptrace."""
