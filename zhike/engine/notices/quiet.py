"""When a person may be disturbed: quiet hours and days off in their own time zone, the mail of the day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings

from zhike.base import calendar_cn
from zhike.base.models import CalendarDay
from zhike.engine.models import NoticeSettings

FAR = 60  # days ahead that are looked at
DAY = dt.timedelta(days=1)
MORNING, AFTERNOON = dt.time(9), dt.time(14)


def settings_of(people: Collection[UUID]) -> Mapping[UUID, NoticeSettings]:
    """The settings of each of these people."""
    kept = {one.user_id: one for one in NoticeSettings.objects.filter(user__in=people)}
    return {pk: kept.get(pk) or NoticeSettings(user_id=pk) for pk in people}


def zone_of(name: str) -> ZoneInfo:
    """A time zone by name, else the firm's."""
    try:
        return ZoneInfo(name or settings.TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(settings.TIME_ZONE)


def own_days() -> Mapping[dt.date, bool]:
    """The firm's own exceptions to the State Council's calendar."""
    return dict(CalendarDay.objects.filter(deleted_at=None).values_list("day", "is_working"))


@dataclass(frozen=True)
class Clock:
    """One person's hours. Times that a change of clocks skips or repeats are taken as Python does (PEP 495)."""

    own: NoticeSettings
    days: Mapping[dt.date, bool] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        """Theirs, else the firm's."""
        return zone_of(self.own.zone)

    def works(self, day: dt.date) -> bool:
        """Whether the firm works on a day."""
        return calendar_cn.is_working_day(day, overrides=self.days)

    def at(self, day: dt.date, time: dt.time) -> dt.datetime:
        """A moment of their day."""
        return dt.datetime.combine(day, time, self.zone).astimezone(dt.UTC)

    def free_at(self, now: dt.datetime, *, any_day: bool = False) -> dt.datetime:
        """The first moment from `now` on at which they may be disturbed; `any_day` for what they want on days off too.

        Where nothing is free within two months, `now`: who has closed all hours has not understood them so.
        """
        today = now.astimezone(self.zone).date()
        for n in range(FAR):
            day = today + n * DAY
            if self.own.quiet_days_off and not any_day and not self.works(day):
                continue
            for begin, end in self._open(day):
                if now < end:
                    return max(now, begin)
        return now

    def _open(self, day: dt.date) -> list[tuple[dt.datetime, dt.datetime]]:
        """The hours of a day outside quiet ones, which may reach over midnight."""
        start, end = self.at(day, dt.time()), self.at(day + DAY, dt.time())
        quiet, over = self.own.quiet_from, self.own.quiet_to
        if quiet == over:
            return [(start, end)]
        if quiet > over:
            return [(self.at(day, over), self.at(day, quiet))]
        return [(start, self.at(day, quiet)), (self.at(day, over), end)]

    def mail_at(self, after: dt.datetime) -> dt.datetime:
        """The first time of gathered mails from a moment on, on a day that is not off."""
        day = after.astimezone(self.zone).date()
        for n in range(FAR):
            at = self.at(day + n * DAY, self.own.mail_at)
            if at >= after and (self.works(day + n * DAY) or not self.own.quiet_days_off):
                return at
        return after

    def day_after(self, now: dt.datetime) -> dt.datetime:
        """The first free moment of their next day."""
        return self.free_at(self.at(now.astimezone(self.zone).date() + DAY, dt.time()))

    def later(self, choice: str, now: dt.datetime) -> dt.datetime | None:
        """What a choice of putting off means: 10m, 1h, afternoon (of this day, else of the next working day),
        tomorrow (9:00 of the next working day), or a local time as 2026-11-24T09:30; None for anything else, and
        for a time that is over.
        """
        local = now.astimezone(self.zone)
        if choice in ("10m", "1h"):
            return now + dt.timedelta(minutes=10 if choice == "10m" else 60)
        if choice == "afternoon":
            at = self.at(local.date(), AFTERNOON)
            return at if at > now else self.at(self._working_after(local.date()), AFTERNOON)
        if choice == "tomorrow":
            return self.at(self._working_after(local.date()), MORNING)
        try:
            wanted = dt.datetime.fromisoformat(choice)
            at = (wanted if wanted.tzinfo else wanted.replace(tzinfo=self.zone)).astimezone(dt.UTC)
        except (ValueError, OverflowError):
            return None
        return at if now < at < now + dt.timedelta(days=366) else None

    def _working_after(self, day: dt.date) -> dt.date:
        return calendar_cn.add_working_days(day, 1, overrides=self.days)
