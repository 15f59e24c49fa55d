"""How a network is trained: loop, augmentation, checkpoints."""
