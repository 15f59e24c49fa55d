"""The servers that this service is compared with, each as its own users would write it."""
