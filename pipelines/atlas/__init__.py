"""An atlas of a network: a picture of what each channel or class responds to, as a web page and a contact sheet."""
