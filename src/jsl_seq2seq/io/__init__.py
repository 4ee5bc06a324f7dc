"""Where data crosses the border of the program: files, strict JSON, text made safe to show."""
