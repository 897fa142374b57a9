"""The command line: one file per command, and ``console`` through which all of them speak."""
