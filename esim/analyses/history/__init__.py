"""A history of many studies, replayed study by study."""
