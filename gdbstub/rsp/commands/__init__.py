"""One file for each family of packets."""
