"""The service under faults, overload and a long load."""
