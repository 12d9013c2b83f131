"""Running one schedule after another: tasks, the runner that switches between them, and the strategies that choose."""
