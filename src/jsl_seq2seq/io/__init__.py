"""Where data crosses the border of the program: files and texts, coming in and going out."""
