"""What the API shows: the state of the fabric as documents, read and never changed."""
