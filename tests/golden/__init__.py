"""Small fixtures that a second implementation can be checked against."""
