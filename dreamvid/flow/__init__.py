"""Motion: where things come from, what is hidden, and how a dream is carried along."""
