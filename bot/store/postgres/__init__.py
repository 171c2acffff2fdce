"""The store on PostgreSQL: several daemons on one database (design, section 9). Nothing outside imports psycopg."""
