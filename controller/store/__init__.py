"""The only place that speaks SQL. Services decide what happens in one transaction; modules here
read and write rows inside the transaction they are given and never commit."""
