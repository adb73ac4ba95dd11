"""What of the chart is written by us and not by hand: the schema of its values, its rights, the tables about both."""
