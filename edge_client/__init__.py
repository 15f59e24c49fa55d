"""The Raspberry Pi client: camera in, one event a gesture out. No torch, no Ray; stands on ``landmarks/`` only."""
