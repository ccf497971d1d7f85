"""What is solved and simulated for a study, and its dataset."""
