"""The time zone of the firm: for those, too, who must not read the settings yet."""

TIME_ZONE = "Asia/Shanghai"
