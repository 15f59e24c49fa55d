"""Where events go besides the screen: an MQTT broker, and actions. Camera and service lost are events too."""
