"""The scheduler; the only importer of apscheduler."""
