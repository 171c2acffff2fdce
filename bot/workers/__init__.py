"""Processes beside the daemon: the fork server, the pool of parsers and what runs in one."""
