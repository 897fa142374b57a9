"""Models, one file per family; the file says where the method comes from."""
