"""A page in the browser to find a look, render it and come back to it; the server behind it."""
