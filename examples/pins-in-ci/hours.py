"""A function of an application that pins nothing: the customer's time zone is a parameter, and nothing is SET."""


def local_hour(conn, zone):
    """The hour of the day where the customer is."""
    row = conn.execute("SELECT extract(hour FROM now() AT TIME ZONE %s)::int", [zone]).fetchone()
    return row[0]
