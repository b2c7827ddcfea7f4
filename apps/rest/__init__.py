"""The REST API: documents in, documents out."""
