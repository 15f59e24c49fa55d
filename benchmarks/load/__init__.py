"""Load generators: an open loop over HTTP and live sessions, and a closed loop."""
