"""Work shared by several machines; the only importer of procrastinate."""
