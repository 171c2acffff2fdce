"""The admin's workshop: try a desk, write its rules, rehearse them, examine the installation."""
