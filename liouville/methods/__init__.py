"""How the continuum is solved: one method a file."""
