"""Names in the order of strokes: a function for it, and who wants it."""

from django.db import migrations, models

from zhike.base import strokes

# The same as strokes.key. The table stands in the function, so that an index can be made of it.
MAKE = f"""
CREATE FUNCTION zhike_strokes(said text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS $$
DECLARE
    made text := '';
    sign text;
    n int;
BEGIN
    FOREACH sign IN ARRAY regexp_split_to_array(left(said, {strokes.LENGTH}), '') LOOP
        n := 0;
        IF sign <> '' AND ascii(sign) BETWEEN {strokes.FIRST} AND {strokes.LAST} THEN
            n := get_byte('\\x{strokes.table().hex()}'::bytea, ascii(sign) - {strokes.FIRST});
        END IF;
        made := made || CASE WHEN n > 0 THEN '~' || chr(48 + n) || sign ELSE lower(sign COLLATE "C") END;
    END LOOP;
    RETURN made;
END $$;
ALTER FUNCTION zhike_strokes(text) SET search_path = pg_catalog, pg_temp;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('base', '0005_fiscal'),
    ]

    operations = [
        migrations.RunSQL(MAKE.replace('%', '%%'), 'DROP FUNCTION zhike_strokes(text)'),
        migrations.AddField(
            model_name='user',
            name='name_order',
            field=models.CharField(blank=True, choices=[('', 'By pinyin'), ('strokes', 'By number of strokes')], default='', max_length=10, verbose_name='Order of names'),
        ),
    ]
