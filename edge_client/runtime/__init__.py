"""The client as a process: worker threads that are watched, systemd, signals."""
