"""What the names of environment variables say: where to connect, to which kind of thing, how large a pool."""

import re
from functools import lru_cache


def _listed(names: str) -> frozenset[str]:
    return frozenset(names.split())


# A word of the name says that its value is where to connect …
_HOST_WORDS = _listed(
    """
    HOST HOSTNAME HOSTS ENDPOINT ENDPOINTS ADDRESS ADDR URL URI DSN SERVER CONNECTION JDBC CONN CONNSTR
    WRITER READER PRIMARY REPLICA MASTER CONFIG CONNSTRING DBSTRING
    CONNECTIONSTRING CONNECTIONSTRINGS SQLCONNSTR MYSQLCONNSTR POSTGRESQLCONNSTR
    """
)
# … though with these the thing itself may be meant, its identifier, its login or its settings …
_VAGUE = _listed("WRITER READER PRIMARY REPLICA MASTER TARGET CONFIG")
# … these where the name is about a database.
_HOST_WORDS_OF_DATABASES = _listed(
    "SERVERNAME SERVERS URLS URIS DNS DNSNAME DOMAIN DOMAINNAME FQDN NODE NODES IP LOCATION TARGET STRING TNS"
)
_ALONE = _listed(
    """
    HOST HOSTNAME HOSTADDR ENDPOINT ADDRESS ADDR SERVER SERVERNAME DNS DNSNAME DOMAIN DOMAINNAME FQDN NODE IP
    WRITER READER PRIMARY REPLICA MASTER
    """
)
_HOST_ENDINGS = (
    "HOST", "HOSTNAME", "HOSTADDR", "ENDPOINT", "URL", "URI", "DSN", "SERVER", "ADDRESS", "CONNSTRING", "CONNSTR",
    "CONNECTIONSTRING", "CONNECTIONSTRINGS", "DBSTRING", "DBCONN", "PGCONN", "SQLCONNSTR",
)  # fmt: skip
# Words that belong together are one: the name of a host is no name of a database.
_PHRASES = (
    (re.compile(r"DATA_?SOURCE_NAME"), "DATASOURCE_DSN"),
    (re.compile(r"DATA_SOURCE"), "DATASOURCE"),
    (re.compile(r"(HOST|SERVER|DNS|DOMAIN)_NAME"), r"\1NAME"),
    (re.compile(r"SQL_SERVER(?=_|$)"), "SQLSERVER"),
    (re.compile(r"PASS_(WORD|PHRASE)(?=_|$)"), r"PASS\1"),
    (re.compile(r"CONN(?:ECTION)?_(?:STRINGS?|STR)(?=_|$)"), "CONNSTRING"),
)
# … unless the last word says that it is something else.
_OTHER_LAST_WORDS = _listed(
    """
    ARN PORT NAME ID USER USERNAME PASSWORD PASSWD PWD PASS TIMEOUT LIMIT REGION IDENTIFIER MAX MIN SECRET
    PARAMETER PARAM PATH ENABLED KEY TABLE BUCKET VERSION TOKEN COUNT SIZE SCHEMA ENGINE
    ARNS NAMES IDS SECRETS CERT CERTIFICATE CA ROLE METRIC ALARM RULE
    """
)
# Words of things that RDS serves; DocumentDB, Redis and others have words of their own.
_DATABASE_WORDS = _listed(
    """
    DB DATABASE DATABASES PG PGSQL POSTGRES POSTGRESQL MYSQL MARIADB MSSQL SQLSERVER SQL RDS RDBMS AURORA
    DATASOURCE JDBC R2DBC SQLALCHEMY HIKARI KNEX TYPEORM PRISMA SEQUELIZE DRIZZLE SQLX ECTO WRITER READER
    FLYWAY LIQUIBASE GOOSE DBMATE ALEMBIC
    """
)
_DATABASE_BEGINNINGS = ("DB", "PG", "DATABASE", "POSTGRES", "MYSQL", "MARIADB", "RDS", "AURORA", "JDBC")
_NO_DATABASES = _listed("PGP PGADMIN DBUS DBT")
_OTHER_STORES = _listed(
    """
    DOCDB DOCUMENTDB MONGO MONGODB NEPTUNE REDIS VALKEY ELASTICACHE CACHE MEMCACHED REDSHIFT DYNAMO DYNAMODB
    DSQL OPENSEARCH ELASTICSEARCH KAFKA RABBITMQ AMQP MQ SMTP MAIL FTP LDAP
    """
)
_OTHER_SERVICES = _listed(
    """
    API QUEUE SQS SNS TOPIC WEBSOCKET WEBHOOK CALLBACK REDIRECT S3 BUCKET SITE FRONTEND WEB CDN COGNITO AUTH
    LOGIN OAUTH SSM STS KMS SECRETS EVENTS STREAM KINESIS LAMBDA FUNCTION STEP SLACK OTEL OTLP METRICS LOG
    LOGS LOGGING SENTRY DATADOG ECR REGISTRY STRIPE
    """
)
_REFERENCE_WORDS = _listed(
    """
    ARN ID NAME PARAMETER PARAM PATH SECRET SSM KEY
    """
)
_PASSWORD_WORDS = _listed("PASSWORD PASSWD PWD PASS PASSPHRASE PASSCODE PW PSWD PSW PASSWRD PWORD DBPW PGPW DBPWD")
_PASSWORD_ENDINGS = ("PASSWORD", "PASSWD", "PASS", "PWD")
_NO_PASSWORDS = _listed("COMPASS BYPASS")
# Which of several passwords it is, after the word itself.
_QUALIFIERS = _listed(
    """
    PROD PRODUCTION PRD LIVE DEV DEVELOPMENT STAGE STAGING STG TEST TESTING QA UAT DEMO LOCAL SANDBOX
    MAIN PRIMARY SECONDARY REPLICA READER WRITER READ WRITE RO RW MASTER ADMIN APP OLD NEW CURRENT PREVIOUS
    BLUE GREEN PLAIN PLAINTEXT RAW VALUE DEFAULT EU US AP READONLY READWRITE
    """
)


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """The words of a name in upper case: DB_HOST, dbHost and db-host alike."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return tuple(word for word in re.split(r"[^A-Za-z0-9]+", spaced.upper()) if word)


@lru_cache(maxsize=4096)
def terms(name: str) -> tuple[str, ...]:
    """The words of a name, those that belong together as one."""
    joined = "_".join(words(name))
    for phrase, term in _PHRASES:
        joined = phrase.sub(term, joined)
    return tuple(joined.split("_")) if joined else ()


def is_host_like(name: str) -> bool:
    """Whether a variable of this name carries a host, a URL or another connection text."""
    parts, about_database = terms(name), is_database_like(name)
    if not parts or parts[-1] in _OTHER_LAST_WORDS:
        return False
    if not about_database and any(part in _OTHER_SERVICES or part in _OTHER_STORES for part in parts):
        return False
    return (
        any(part in _HOST_WORDS or (about_database and part in _HOST_WORDS_OF_DATABASES) for part in parts)
        or parts[-1].endswith(_HOST_ENDINGS)
        or is_database_alone(name)
    )


def is_vague(name: str) -> bool:
    """Whether nothing but a vague word makes a name host-like: CONFIG, PRIMARY_INSTANCE, but not DB_WRITER."""
    parts = terms(name)
    if _VAGUE.isdisjoint(parts) or (is_database_like(name) and parts[-1] in _VAGUE):
        return False
    return (_HOST_WORDS | _HOST_WORDS_OF_DATABASES).isdisjoint({*parts} - _VAGUE)


def is_database_alone(name: str) -> bool:
    """Whether a variable is called DATABASE and nothing more: a connection, or a database's name."""
    return words(name) in (("DATABASE",), ("DB",))


def is_host_alone(name: str) -> bool:
    """Whether a host-like variable holds nothing but a host by its name, and no URL or text around it."""
    parts = terms(name)
    return bool(parts) and (parts[-1] in _ALONE or parts[-1].endswith(("HOST", "HOSTNAME", "ENDPOINT", "ADDRESS")))


def is_database_like(name: str) -> bool:
    """Whether a variable of this name is about a relational database, and about nothing that has one of these names."""
    parts = terms(name)
    if is_of_another_store(name):
        return False
    return any(
        part in _DATABASE_WORDS or (part.startswith(_DATABASE_BEGINNINGS) and part not in _NO_DATABASES)
        for part in parts
    )


def is_of_another_store(name: str) -> bool:
    """Whether a variable or key of this name is about a store that is no relational database."""
    return not _OTHER_STORES.isdisjoint(terms(name))


def is_proxy_like(name: str) -> bool:
    """Whether a variable is about a proxy by its name."""
    return "PROXY" in words(name)


def is_link(name: str) -> bool:
    """Whether a variable of this name is SST's: the properties of a linked resource as JSON, its host perhaps."""
    return name.startswith("SST_RESOURCE_")


def is_reference_like(name: str) -> bool:
    """Whether a variable of this name holds the name or ARN of a thing, not the thing."""
    return any(part in _REFERENCE_WORDS for part in terms(name)[-1:])


def is_password_like(name: str) -> bool:
    """Whether a variable or key of this name holds a password, and not the name or ARN of one."""
    parts = [stem for part in terms(name) if (stem := part.rstrip("0123456789"))]
    while len(parts) > 1 and parts[-1] in _QUALIFIERS:
        parts.pop()
    return bool(parts) and (
        parts[-1] in _PASSWORD_WORDS or (parts[-1].endswith(_PASSWORD_ENDINGS) and parts[-1] not in _NO_PASSWORDS)
    )


_OPEN_NAMES = re.compile(
    r"POOL_?SIZE|POOL_?MAX|MAX_?POOL|POOL_LIMIT|MAX(IMUM)?_?(DB_)?(OPEN_?)?CONN(ECTION)?S?|CONN(ECTION)?_?(LIMIT|MAX)"
    r"|MAX_?OPEN|MAX_?OVERFLOW"
)
_IDLE_NAMES = re.compile(r"MAX_?IDLE(_?CONN(ECTION)?S?)?|POOL_?MIN|MIN(IMUM)?_?(POOL|IDLE)")
_OTHER_MEASURES = _listed(
    """
    LIFETIME AGE TIME TIMEOUT TTL SECONDS MS MILLIS PERCENT DELAY INTERVAL LIFE USES RETRIES
    THRESHOLD ALARM BYTES
    """
)


def pool_size_of(name: str) -> str | None:
    """What a variable of this name limits: "open" connections, "idle" connections, or None."""
    parts = words(name)
    if _OTHER_MEASURES.intersection(parts) or any(part.endswith(("TIMEOUT", "LIFETIME")) for part in parts):
        return None
    joined = "_".join(parts)
    if _IDLE_NAMES.search(joined):
        return "idle"
    return "open" if _OPEN_NAMES.search(joined) else None
