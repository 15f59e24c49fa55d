"""The Ray Serve application: thin skins around a core that runs without Ray."""
