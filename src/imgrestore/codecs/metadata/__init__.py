"""What image files carry beside pixels: taken out, brought up to date, and put in, byte for byte."""
