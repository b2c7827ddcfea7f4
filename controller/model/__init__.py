"""What is wanted (the document) and what is seen (ports, links, learned servers)."""
