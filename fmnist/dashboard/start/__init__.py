"""The Start page: links to the other pages, and the open run at a glance."""
