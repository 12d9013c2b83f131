"""Reports: one plain document per run and per violation, and the renderers that read nothing but it."""
