"""What became of a policy, in the forms that people and CI systems read: JUnit, SARIF, GitHub, Markdown, CSV, JSON."""
