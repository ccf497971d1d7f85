"""The grid on phase space and its window."""
