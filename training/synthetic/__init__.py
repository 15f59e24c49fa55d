"""Made hands, made players and virtual cameras: data that no person was recorded for."""
