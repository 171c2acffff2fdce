"""What the rules need to know of Russian and English: word forms, phrases, abuse, versions of programs. Pure."""
