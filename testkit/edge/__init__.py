"""Peers of the Raspberry Pi client: services, screens and odd answers on loopback."""
