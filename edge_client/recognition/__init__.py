"""Windows in, predictions out: the service, or the same model on this machine while the service is away."""
