"""The page of the studio: plain HTML, one style sheet, ES modules; nothing is built or loaded from elsewhere."""
