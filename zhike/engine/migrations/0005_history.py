"""The history becomes a log that can be proven: who for whom, in which transaction, with a digest; never changed."""

import django.contrib.postgres.indexes
from django.db import migrations, models

from zhike.engine.history import track, track_whole

# The order of the chain is the order of transactions. A number is never given twice, but a database that was restored
# into another cluster counts from the beginning: zhike migrate then raises what is added here (launch/rights.py).
TRANSACTIONS = """
CREATE FUNCTION zhike_tx() RETURNS bigint LANGUAGE sql AS
    'SELECT pg_current_xact_id()::text::bigint + 0';
CREATE FUNCTION zhike_tx_oldest() RETURNS bigint LANGUAGE sql AS
    'SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + 0';
"""

DIGEST = """
CREATE FUNCTION zhike_history_payload(changes jsonb, details jsonb) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(convert_to(changes::text || E'\\n' || details::text, 'UTF8'))
$$;
CREATE FUNCTION zhike_history_digest(h engine_history) RETURNS bytea LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(
        jsonb_build_array(h.id, (extract(epoch FROM h.at) * 1000000)::bigint, h.actor, h.behalf, h.channel, h.action,
            h.entity, h.record, h.tx)::text
        || E'\\n' || encode(zhike_history_payload(h.changes, h.details), 'hex'), 'UTF8'))
$$;
CREATE FUNCTION zhike_history_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('zhike.dated', true), '') <> 'on' THEN
        NEW.at := clock_timestamp();
    END IF;
    NEW.tx := zhike_tx();
    NEW.digest := zhike_history_digest(NEW);
    RETURN NEW;
END $$;
CREATE FUNCTION zhike_seal_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF abs(extract(epoch FROM NEW.at - clock_timestamp())) > 60 THEN
        RAISE EXCEPTION 'a seal bears the time it is made';
    END IF;
    RETURN NEW;
END $$;
"""

TRAIL = """
CREATE OR REPLACE FUNCTION zhike_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who uuid := nullif(current_setting('zhike.actor', true), '')::uuid;
    whom uuid := nullif(current_setting('zhike.behalf', true), '')::uuid;
    via text := coalesce(nullif(current_setting('zhike.channel', true), ''), 'sql');
    act text := coalesce(nullif(current_setting('zhike.action', true), ''), lower(TG_OP));
    dated bool := coalesce(current_setting('zhike.dated', true), '') = 'on';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- MATERIALIZED, or the planner would turn each row into JSON again for every one of its columns
        WITH o AS MATERIALIZED (SELECT r.id, to_jsonb(r) - TG_ARGV[1]::text[] AS j FROM old_rows r),
            n AS MATERIALIZED (SELECT r.id, r.updated_at, to_jsonb(r) - TG_ARGV[1]::text[] AS j FROM new_rows r),
            d AS MATERIALIZED (
                SELECT n.id, n.updated_at, o.j AS was, n.j AS now FROM n JOIN o ON o.id = n.id WHERE n.j <> o.j
            )
        INSERT INTO engine_history (at, actor, behalf, channel, action, entity, record, changes)
        SELECT CASE WHEN dated THEN d.updated_at ELSE clock_timestamp() END, who, whom, via, act, TG_ARGV[0], d.id, (
            SELECT jsonb_object_agg(e.key, jsonb_build_array(d.was -> e.key, e.value))
            FROM jsonb_each(d.now) e WHERE e.value IS DISTINCT FROM d.was -> e.key
        )
        FROM d;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO engine_history (at, actor, behalf, channel, action, entity, record, changes)
        SELECT CASE WHEN dated THEN r.created_at ELSE clock_timestamp() END, who, whom, via, act, TG_ARGV[0], r.id, '{}'
        FROM new_rows r;
    ELSE
        INSERT INTO engine_history (at, actor, behalf, channel, action, entity, record, changes)
        SELECT clock_timestamp(), who, whom, via, 'erase', TG_ARGV[0], r.id, '{}' FROM old_rows r;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION zhike_history_whole() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who uuid := nullif(current_setting('zhike.actor', true), '')::uuid;
    whom uuid := nullif(current_setting('zhike.behalf', true), '')::uuid;
    via text := coalesce(nullif(current_setting('zhike.channel', true), ''), 'sql');
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO engine_history (at, actor, behalf, channel, action, entity, record, changes)
        SELECT clock_timestamp(), who, whom, via, 'update', TG_ARGV[0], nullif(n.j ->> TG_ARGV[2], '')::uuid, (
            SELECT jsonb_object_agg(e.key, jsonb_build_array(o.j -> e.key, e.value))
            FROM jsonb_each(n.j) e WHERE e.value IS DISTINCT FROM o.j -> e.key
        )
        FROM (SELECT r.id, to_jsonb(r) - TG_ARGV[1]::text[] AS j FROM new_rows r) n
        JOIN (SELECT r.id, to_jsonb(r) - TG_ARGV[1]::text[] AS j FROM old_rows r) o ON o.id = n.id AND o.j <> n.j;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO engine_history (at, actor, behalf, channel, action, entity, record, changes)
        SELECT clock_timestamp(), who, whom, via, 'create', TG_ARGV[0], nullif(n.j ->> TG_ARGV[2], '')::uuid,
            (SELECT jsonb_object_agg(e.key, jsonb_build_array(NULL, e.value)) FROM jsonb_each(n.j) e)
        FROM (SELECT to_jsonb(r) - TG_ARGV[1]::text[] AS j FROM new_rows r) n;
    ELSE
        INSERT INTO engine_history (at, actor, behalf, channel, action, entity, record, changes)
        SELECT clock_timestamp(), who, whom, via, 'delete', TG_ARGV[0], nullif(o.j ->> TG_ARGV[2], '')::uuid,
            (SELECT jsonb_object_agg(e.key, jsonb_build_array(e.value, NULL)) FROM jsonb_each(o.j) e)
        FROM (SELECT to_jsonb(r) - TG_ARGV[1]::text[] AS j FROM old_rows r) o;
    END IF;
    RETURN NULL;
END $$;
"""

# Rows go in two ways alone, each a function of the owner that leaves a row of its own: expiry, and the erasure of
# personal values. `zhike.gate` opens the first door; the checks after the statement hold whoever opened it.
APPEND_ONLY = """
CREATE OR REPLACE FUNCTION zhike_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    gate text := coalesce(current_setting('zhike.gate', true), '');
BEGIN
    IF TG_TABLE_NAME = 'engine_history' AND (TG_OP, gate) IN (('DELETE', 'expire'), ('UPDATE', 'redact')) THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the history is never changed' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE FUNCTION zhike_history_expirable() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(to_tx), 0) FROM engine_seal WHERE at < clock_timestamp() - interval '184 days'
$$;
CREATE FUNCTION zhike_history_after_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM old_rows WHERE tx >= zhike_history_expirable()) THEN
        RAISE EXCEPTION 'the history of the last 184 days is never deleted' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION zhike_history_after_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM old_rows o LEFT JOIN new_rows n ON n.id = o.id
        WHERE to_jsonb(o) - '{changes,details,digest}'::text[]
            IS DISTINCT FROM to_jsonb(n) - '{changes,details,digest}'::text[]
    ) THEN
        RAISE EXCEPTION 'the history is never changed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER append_only ON engine_history;
DROP TRIGGER append_only ON engine_stageevent;
UPDATE engine_history h SET digest = zhike_history_digest(h);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON engine_history
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON engine_stageevent
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON engine_seal
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_append_only();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON engine_history
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_append_only();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON engine_stageevent
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_append_only();
CREATE TRIGGER never_emptied BEFORE TRUNCATE ON engine_seal
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_append_only();
CREATE TRIGGER stamp BEFORE INSERT ON engine_history FOR EACH ROW EXECUTE FUNCTION zhike_history_stamp();
CREATE TRIGGER stamp BEFORE INSERT ON engine_seal FOR EACH ROW EXECUTE FUNCTION zhike_seal_stamp();
CREATE TRIGGER only_expired AFTER DELETE ON engine_history REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_history_after_delete();
CREATE TRIGGER only_values AFTER UPDATE ON engine_history REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_history_after_update();
"""

GOING = """
CREATE FUNCTION zhike_history_expire(seal bigint, archive jsonb) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    upto bigint := (SELECT to_tx FROM engine_seal WHERE id = seal);
    gone bigint;
BEGIN
    IF upto IS NULL OR upto > zhike_history_expirable() THEN
        RAISE EXCEPTION 'the history of the last 184 days is never deleted' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM set_config('zhike.gate', 'expire', true);
    DELETE FROM engine_history WHERE tx < upto;
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('zhike.gate', '', true);
    INSERT INTO engine_history (at, channel, action, entity, changes, details)
    VALUES (clock_timestamp(), 'job', 'expire', '', '{}',
        jsonb_build_object('seal', seal, 'to_tx', upto, 'rows', gone, 'archive', archive));
    RETURN gone;
END $$;
CREATE FUNCTION zhike_history_erased(value jsonb, fields text[]) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    word CONSTANT jsonb := '"erased"';
    k text; v jsonb; found jsonb := '{}';
BEGIN
    FOR k, v IN SELECT * FROM jsonb_each(value) LOOP
        IF k = ANY(fields) AND jsonb_typeof(v) = 'array' THEN
            v := (SELECT coalesce(jsonb_agg(CASE WHEN e = 'null' THEN e ELSE word END ORDER BY n), '[]')
                FROM jsonb_array_elements(v) WITH ORDINALITY AS a(e, n));
        ELSIF k = ANY(fields) AND v <> 'null' THEN
            v := word;
        ELSIF k = 'custom' AND jsonb_typeof(v) = 'array' THEN
            v := (SELECT jsonb_agg(CASE WHEN jsonb_typeof(e) = 'object' THEN zhike_history_erased(e, fields) ELSE e END
                ORDER BY n) FROM jsonb_array_elements(v) WITH ORDINALITY AS a(e, n));
        END IF;
        found := found || jsonb_build_object(k, v);
    END LOOP;
    RETURN found;
END $$;
CREATE FUNCTION zhike_history_redact(
    of_entity text, of_record uuid, fields text[], who uuid, whom uuid, via text, reason text
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    touched jsonb;
BEGIN
    PERFORM set_config('zhike.gate', 'redact', true);
    WITH hit AS MATERIALIZED (
        SELECT h.id, zhike_history_payload(h.changes, h.details) AS before,
            zhike_history_erased(h.changes, fields) AS changes, zhike_history_erased(h.details, fields) AS details
        FROM engine_history h WHERE h.entity = of_entity AND h.record = of_record AND h.action <> 'redact'
    ), done AS (
        UPDATE engine_history h SET changes = hit.changes, details = hit.details FROM hit
        WHERE h.id = hit.id AND (h.changes, h.details) IS DISTINCT FROM (hit.changes, hit.details)
        RETURNING h.id, hit.before, zhike_history_payload(hit.changes, hit.details) AS after
    )
    SELECT coalesce(jsonb_agg(jsonb_build_array(id, encode(before, 'hex'), encode(after, 'hex')) ORDER BY id), '[]')
    INTO touched FROM done;
    UPDATE engine_history h SET digest = zhike_history_digest(h)
    WHERE h.id IN (SELECT (e ->> 0)::bigint FROM jsonb_array_elements(touched) e);
    PERFORM set_config('zhike.gate', '', true);
    INSERT INTO engine_history (at, actor, behalf, channel, action, entity, record, changes, details)
    VALUES (clock_timestamp(), who, whom, via, 'redact', of_entity, of_record, '{}',
        jsonb_build_object('rows', touched, 'fields', fields, 'reason', reason));
    RETURN jsonb_array_length(touched);
END $$;
REVOKE ALL ON FUNCTION zhike_history_expire(bigint, jsonb) FROM PUBLIC;
REVOKE ALL ON FUNCTION zhike_history_redact(text, uuid, text[], uuid, uuid, text, text) FROM PUBLIC;
"""

# Without a path of their own these would write into a table of the same name that the caller has put before ours.
PATHS = """
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOREACH f IN ARRAY ARRAY['zhike_history()', 'zhike_history_whole()', 'zhike_history_after_delete()',
        'zhike_history_expirable()', 'zhike_history_expire(bigint, jsonb)',
        'zhike_history_redact(text, uuid, text[], uuid, uuid, text, text)']::regprocedure[]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    END LOOP;
END $$;
"""

OPEN = "DROP TRIGGER history_i ON base_user; DROP TRIGGER history_u ON base_user; DROP TRIGGER history_d ON base_user;"


class Migration(migrations.Migration):
    dependencies = [
        ("base", "0003_access"),
        ("engine", "0004_access"),
    ]

    operations = [
        migrations.AddField(
            model_name="seal",
            name="leaves",
            field=models.BinaryField(default=b"", help_text="id (8 bytes) and digest (32) of each row, by tx and id"),
        ),
        migrations.AlterField(
            model_name="seal",
            name="digest",
            field=models.BinaryField(
                help_text="SHA-256 of the digest before it, of what stands above and of the leaves"
            ),
        ),
        migrations.AddIndex(
            model_name="history",
            index=models.Index(fields=["-at", "-id"], name="history_at"),
        ),
        migrations.AddIndex(
            model_name="history",
            index=django.contrib.postgres.indexes.GinIndex(
                condition=models.Q(("details__has_key", "records")),
                fields=["details"],
                name="history_details",
                opclasses=["jsonb_path_ops"],
            ),
        ),
        migrations.RunSQL(TRANSACTIONS),
        migrations.RunSQL(DIGEST),
        migrations.RunSQL(TRAIL),
        migrations.RunSQL(APPEND_ONLY),
        migrations.RunSQL(GOING),
        migrations.RunSQL(PATHS),
        migrations.RunSQL(OPEN),
        track("base_user", "user"),
        track_whole("base_grant", "grant", record="role_id"),
        track_whole("base_fieldgrant", "fieldgrant", record="role_id"),
        track_whole("base_policy", "policy", record=""),
        track_whole("engine_share", "share", record="record"),
        track_whole("engine_delegation", "delegation", record="id"),
        track_whole("engine_token", "token", record="id", without=("digest", "prefix", "used_at")),
        track_whole("engine_webhook", "webhook", record="id", without=("secret", "failed_since")),
        track_whole("engine_retention", "retention", record="id", without=("ran_at",)),
    ]
