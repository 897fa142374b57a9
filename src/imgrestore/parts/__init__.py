"""What can be added by adding one file, and how it is found."""
