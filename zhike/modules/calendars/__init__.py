"""Calendars beside Zhike: a feed to subscribe to, and keeping in step with a CalDAV server."""
