"""Teaching gestures: recorded in front of the camera, taught here, kept here and on the service."""
