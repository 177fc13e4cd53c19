"""What CI systems run of us: the GitHub Action and the pre-commit hook, as their runners run them."""
