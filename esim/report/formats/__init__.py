"""A page as HTML, Markdown, PDF, CSV or JSON."""
