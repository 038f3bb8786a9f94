"""Where the agents come in: enrolment, one stream per host, and who is who."""
