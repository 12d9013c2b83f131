"""What all tests share: running pytest on files written by a test, and interrupts that arrive."""

import signal

pytest_plugins = ["pytester"]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As under nohup, or behind the shell's "&".  What is ignored here would be ignored by every process that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
