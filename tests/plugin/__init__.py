"""The pytest plugin and the assertions that go with it."""
