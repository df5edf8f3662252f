"""What installations of a trade begin with, as files for `zhike pack`: fields, objects, pipelines, views, samples."""
