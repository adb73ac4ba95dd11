"""What hub and services write into their logs: a line for each thing that happened, as text or JSON, and no secret."""
