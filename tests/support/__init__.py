"""What the tests share: a client of our own, the server as a process, the programs it traces."""
