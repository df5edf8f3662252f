"""Records that are there twice: found (`finder`), asked for where something is written (`check`), decided on (`groups`)
by people.

The signs are declared with the entity (`Entity.signs`); what is done about each at which door an administrator may
change (`rules`).
"""
