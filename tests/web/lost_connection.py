"""The database goes away in the middle of a save; run by test_answers.py on a database of its own.

Prints: status, whether the page says so, records left, status of the next try, records then.
"""

# ruff: noqa: E402  Django is set up before its models are imported
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path.cwd()))
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"

import django

django.setup()

from django.core.management import call_command
from django.db import connection
from django.test import Client

from zhike.base.models import Department, Role, User
from zhike.engine import guard
from zhike.engine.entity import get

call_command("migrate", verbosity=0)
place = Department(name="总部")
place.ancestors = [place.pk]
place.save()
role = Role.objects.get(key="seller")
person = User.objects.create_user("seller", None, name="王芳", department=place, roles=[role.pk])
client = Client(HTTP_HOST="localhost", headers={"accept-language": "zh-CN"})
client.force_login(person)
with connection.cursor() as cursor:  # the backend ends itself where the row is written
    cursor.execute(
        "CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;"
        "CREATE TRIGGER gone BEFORE INSERT ON customers_account FOR EACH ROW EXECUTE FUNCTION gone()"
    )
answer = client.post("/account/new", {"name": "甲公司"})
connection.close()
with connection.cursor() as cursor:
    cursor.execute("DROP TRIGGER gone ON customers_account; DROP FUNCTION gone()")
rows = guard.rows(get("account").model, "the count of a test")
left = rows.count()
again = client.post("/account/new", {"name": "甲公司"})
print(answer.status_code, "数据库" in answer.content.decode(), left, again.status_code, rows.count())  # noqa: T201
