"""Basketball shots: keypoints, their motion, the release and the rules."""
