"""The Python interface: what the command line does, on images in memory and in files."""
