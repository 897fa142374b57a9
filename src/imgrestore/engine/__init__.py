"""A network made ready, run over images of any size."""
