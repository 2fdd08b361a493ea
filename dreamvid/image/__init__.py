"""Pictures as arrays: transform, resize, blend, masks, color transfer. No files."""
