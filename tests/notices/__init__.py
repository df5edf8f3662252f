"""Notices, reminders, and the ways by which they reach people."""
