"""The gate: a policy file's rules judged on what a check found, waived, and compared with an earlier run."""
