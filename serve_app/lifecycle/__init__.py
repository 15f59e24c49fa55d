"""How the service starts, says where it answers, and stops in order."""
