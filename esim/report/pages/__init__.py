"""Results as pages of data: what they say, before it is HTML, Markdown, PDF, CSV or JSON."""
