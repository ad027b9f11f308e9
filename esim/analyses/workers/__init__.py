"""Where the work on many studies runs, and how it is handed out study by study."""
