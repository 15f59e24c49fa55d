"""The client's settings: every one with its default and limits, and where values come from."""

from edge_client.settings.home import Actions, Mqtt, Rule
from edge_client.settings.loading import SettingsError, load_settings
from edge_client.settings.schema import Capture, Cloud, Device, Publish, Screen, Settings, Thresholds, Tracking

__all__ = ["Capture", "Cloud", "Device", "Publish", "Screen", "Settings", "SettingsError", "Thresholds", "Tracking"]
__all__ += ["Actions", "Mqtt", "Rule", "load_settings"]
