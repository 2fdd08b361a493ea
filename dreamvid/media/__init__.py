"""Reading and writing moving and still pictures, through PyAV and imageio."""
