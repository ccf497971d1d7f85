"""Arrays in, arrays out: rates, the central limit theorem, the crossover, distances of laws."""
