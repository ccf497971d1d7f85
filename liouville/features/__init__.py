"""What everything that computes sees of a problem."""
