"""Presets: their settings, files and checks."""
