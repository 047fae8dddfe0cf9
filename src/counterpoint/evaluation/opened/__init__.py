"""Open questions of the suite `vcd_open`: who answers them, how the grader is proved, what is counted."""
