"""Reading image files of every format, damaged and hostile ones too."""
