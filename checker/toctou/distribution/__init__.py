"""Who explores what is left: this process, others, or a cluster; and what of it is kept."""
