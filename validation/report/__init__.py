"""Tables and figures, from a study's dataset alone."""
