"""Stored roll-ups follow from other records, which have a history: they leave none of their own, and are not undone."""

from django.db import migrations

TRAIL = """
CREATE FUNCTION zhike_counted() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_object_agg(e.key, e.keys) FROM (
        SELECT e.key, jsonb_agg(f.key) AS keys
        FROM engine_configuration c
        CROSS JOIN jsonb_each(CASE jsonb_typeof(c.document -> 'fields') WHEN 'object' THEN c.document -> 'fields'
            ELSE '{}' END) e
        CROSS JOIN jsonb_each(CASE jsonb_typeof(e.value) WHEN 'object' THEN e.value ELSE '{}' END) f
        WHERE c.state = 'published' AND f.value #> '{rollup,stored}' = 'true'
        GROUP BY e.key
    ) e
$$;
CREATE FUNCTION zhike_uncounted(line jsonb, counted jsonb, entity text) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN counted -> coalesce(entity, line ->> 'object') IS NULL OR line -> 'custom' IS NULL THEN line
        ELSE jsonb_set(line, '{custom}', (line -> 'custom') - ARRAY(
            SELECT jsonb_array_elements_text(counted -> coalesce(entity, line ->> 'object')))) END
$$;
CREATE OR REPLACE FUNCTION zhike_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who uuid := nullif(current_setting('zhike.actor', true), '')::uuid;
    whom uuid := nullif(current_setting('zhike.behalf', true), '')::uuid;
    via text := coalesce(nullif(current_setting('zhike.channel', true), ''), 'sql');
    act text := coalesce(nullif(current_setting('zhike.action', true), ''), lower(TG_OP));
    dated bool := coalesce(current_setting('zhike.dated', true), '') = 'on';
    whose text := nullif(TG_ARGV[0], '');
    counted jsonb := CASE WHEN TG_OP = 'UPDATE' THEN zhike_counted() END;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- MATERIALIZED, or the planner would turn each row into JSON again for every one of its columns
        WITH o AS MATERIALIZED (
                SELECT r.id, zhike_uncounted(to_jsonb(r) - TG_ARGV[1]::text[], counted, whose) AS j FROM old_rows r
            ),
            n AS MATERIALIZED (
                SELECT r.id, r.updated_at, zhike_uncounted(to_jsonb(r) - TG_ARGV[1]::text[], counted, whose) AS j
                FROM new_rows r
            ),
            d AS MATERIALIZED (
                SELECT n.id, n.updated_at, o.j AS was, n.j AS now FROM n JOIN o ON o.id = n.id WHERE n.j <> o.j
            )
        INSERT INTO engine_history (at, actor, behalf, channel, action, entity, record, changes)
        SELECT CASE WHEN dated THEN d.updated_at ELSE clock_timestamp() END, who, whom, via, act,
            coalesce(whose, d.now ->> 'object'), d.id, (
                SELECT jsonb_object_agg(e.key, CASE WHEN e.key = 'custom'
                    THEN zhike_custom_changes(d.was -> 'custom', e.value)
                    ELSE jsonb_build_array(d.was -> e.key, e.value) END)
                FROM jsonb_each(d.now) e WHERE e.value IS DISTINCT FROM d.was -> e.key
            )
        FROM d;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO engine_history (at, actor, behalf, channel, action, entity, record, changes)
        SELECT CASE WHEN dated THEN r.created_at ELSE clock_timestamp() END, who, whom, via, act,
            CASE WHEN whose IS NOT NULL THEN whose ELSE to_jsonb(r) ->> 'object' END, r.id, '{}'
        FROM new_rows r;
    ELSE
        INSERT INTO engine_history (at, actor, behalf, channel, action, entity, record, changes)
        SELECT clock_timestamp(), who, whom, via, 'erase',
            CASE WHEN whose IS NOT NULL THEN whose ELSE to_jsonb(r) ->> 'object' END, r.id, '{}'
        FROM old_rows r;
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE
    f regprocedure;
BEGIN
    FOREACH f IN ARRAY ARRAY['zhike_history()', 'zhike_counted()']::regprocedure[]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    """Functions alone."""

    dependencies = [("engine", "0010_search")]
    operations = [migrations.RunSQL(TRAIL, migrations.RunSQL.noop)]
