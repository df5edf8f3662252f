"""A mark of the last change of people, roles, rights, shares and views, for pages to know what they may keep."""

from django.db import migrations

# Rows are only added and each transaction adds its own, so that nobody waits for another; those long past are removed,
# and the mark (base/changes.py) is made of all rows that are seen, so that a late commit of a small number counts too.
MARK = """
CREATE TABLE zhike_change (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
CREATE FUNCTION zhike_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    INSERT INTO zhike_change DEFAULT VALUES RETURNING id INTO n;
    IF n % 100 = 0 THEN
        DELETE FROM zhike_change WHERE id IN (
            SELECT id FROM zhike_change WHERE id <= n - 100 FOR UPDATE SKIP LOCKED
        );
    END IF;
    RETURN NULL;
END $$;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION zhike_changed() SET search_path = %I, pg_temp', current_schema());
END $$;
"""
UNMARK = "DROP FUNCTION zhike_changed() CASCADE; DROP TABLE zhike_change;"
TABLES = (
    "base_user", "base_department", "base_role", "base_grant", "base_fieldgrant", "base_policy", "engine_share",
    "engine_configuration", "engine_savedview", "engine_viewchoice",
)


def watch(table):
    return migrations.RunSQL(
        f"CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION zhike_changed()",
        f"DROP TRIGGER IF EXISTS changed ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [("engine", "0011_rollups"), ("base", "0004_identity")]
    operations = [migrations.RunSQL(MARK, UNMARK), *map(watch, TABLES)]
