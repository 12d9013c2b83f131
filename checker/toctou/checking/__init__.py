"""Checks models: explores every scenario and concludes."""
