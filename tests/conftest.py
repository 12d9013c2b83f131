"""What all tests share: running pytest on files written by a test."""

pytest_plugins = ["pytester"]
