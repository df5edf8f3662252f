"""A mark of the last change of people, roles, rights, shares and views, for pages to know what they may keep."""

from django.db import migrations

# Rows are only added and each transaction adds its own, so that nobody waits for another; those long past are removed,
# and the mark (base/changes.py) is made of all rows that are seen, so that a late commit of a small number counts too.
MARK = """
CREATE TABLE zhike_change (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);
CREATE FUNCTION zhike_mark() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    INSERT INTO zhike_change DEFAULT VALUES RETURNING id INTO n;
    IF n % 100 = 0 THEN
        DELETE FROM zhike_change WHERE id IN (
            SELECT id FROM zhike_change WHERE id <= n - 100 FOR UPDATE SKIP LOCKED
        );
    END IF;
END $$;
CREATE FUNCTION zhike_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM zhike_mark();
    RETURN NULL;
END $$;
-- That somebody was there today changes nothing of what they may.
CREATE FUNCTION zhike_changed_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM new_rows n JOIN old_rows o USING (id)
        WHERE to_jsonb(n) - 'last_seen_on' IS DISTINCT FROM to_jsonb(o) - 'last_seen_on'
    ) THEN
        PERFORM zhike_mark();
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER changed_people AFTER UPDATE ON base_user REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_changed_people();
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOREACH f IN ARRAY ARRAY['zhike_mark()', 'zhike_changed()', 'zhike_changed_people()']::regprocedure[] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    END LOOP;
END $$;
"""
UNMARK = """
DROP FUNCTION zhike_changed() CASCADE; DROP FUNCTION zhike_changed_people() CASCADE;
DROP FUNCTION zhike_mark(); DROP TABLE zhike_change;
"""
TABLES = (
    "base_user", "base_department", "base_role", "base_grant", "base_fieldgrant", "base_policy", "engine_share",
    "engine_configuration", "engine_savedview", "engine_viewchoice",
)


def watch(table):
    events = "INSERT OR DELETE OR TRUNCATE" if table == "base_user" else "INSERT OR UPDATE OR DELETE OR TRUNCATE"
    return migrations.RunSQL(
        f"CREATE TRIGGER changed AFTER {events} ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION zhike_changed()",
        f"DROP TRIGGER IF EXISTS changed ON {table}",
    )


class Migration(migrations.Migration):
    dependencies = [("engine", "0011_rollups"), ("base", "0004_identity")]
    operations = [migrations.RunSQL(MARK, UNMARK), *map(watch, TABLES)]
