"""The admin's tools: try a desk, write its rules, rehearse them, examine the installation."""
