"""The predicted fluctuations around the limit."""
