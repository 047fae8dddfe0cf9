"""Open questions (suites `vcd_open`, `bqd_open`): who answers them, how the grader is proved, what is counted."""
