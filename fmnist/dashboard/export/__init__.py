"""The Export page: one file a section."""
