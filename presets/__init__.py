"""Presets that ship with dreamvid, one YAML file each."""
