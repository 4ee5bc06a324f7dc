"""Looking inside: weight statistics, tables and pictures."""
