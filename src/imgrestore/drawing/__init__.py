"""Pictures drawn by program: written pages, screens and patterns of lines, as ground truth beside photos."""
