"""How files code what they hold: cells, times, JSON, archives, databases, binary records."""
