"""Objects of other libraries, given in place of paths; none of these libraries is imported here."""
