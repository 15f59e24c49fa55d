"""Both ends of the Open Inference Protocol, and errors of typed JSON in words."""
