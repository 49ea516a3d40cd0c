"""What the tests start and speak with: the server's process, and requests made by hand."""
