"""Room that a team has booked for a time: a class, a deadline."""
