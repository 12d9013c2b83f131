"""Records the requests of a team's tests, and interleaves them: what is stored, who calls and with what is all there."""
