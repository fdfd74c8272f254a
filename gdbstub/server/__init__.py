"""trio: listeners, one pump for each connection, access control."""
