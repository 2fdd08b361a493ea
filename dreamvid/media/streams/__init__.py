"""Copy and encode sound, subtitles and other streams."""
