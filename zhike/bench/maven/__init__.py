"""The Maven CRM data set: a firm's deals of 2017, imported by the mappings of this folder."""
