"""The process: the daemon and what runs in it by the clock, by the socket and by changed rules."""
