import pytest

from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from lambda_rds_proxy.settings.reading import plain
from lambda_rds_proxy.settings.spelling import ALONE, ARGUMENTS, CONFIG, PARTS, SPELLING, Chosen, camel_case

PERCENT = "proxy.max_connections_percent"


def test_a_setting_is_called_as_its_reader_wrote_it() -> None:
    assert ARGUMENTS(PERCENT) == "proxy.max_connections_percent"
    assert CONFIG(PERCENT) == "maxConnectionsPercent"
    assert ALONE.of("proxy")(PERCENT) == "settings.max_connections_percent"


def test_a_component_alone_calls_only_its_own_settings_so() -> None:
    assert ALONE.of("proxy")("stack.profile") == "stack.profile"
    assert ARGUMENTS.of("proxy")(PERCENT) == PERCENT
    assert CONFIG.of("proxy")(PERCENT) == "maxConnectionsPercent"


@pytest.mark.parametrize(
    ("dotted", "argument", "key"),
    [
        (
            "functions.my_api.reserved_concurrency",
            "functions.my_api.reserved_concurrency",
            "functions.my_api.reservedConcurrency",
        ),
        ("users.max_connections.auth", "users.max_connections.auth", "users.max_connections.auth"),
        ("functions.stack.memory", "functions.stack.memory", "functions.stack.memory"),
        ("functions", "functions", "functions"),
        ("adopted.database.subnet_group_name", "adopted.database.subnet_group_name", "adopted.database.subnetGroup"),
        (
            "adopted.database.instance_identifiers",
            "adopted.database.instance_identifiers",
            "adopted.database.instances",
        ),
        ("import_changes.proxy", "import_changes.proxy", "import.proxy"),
        ("existing_database.max_connections", "existing_database.max_connections", "existingDatabase.maxConnections"),
        ("user.database_user", "user.database_user", "databaseUser"),
        ("user", "user", "user"),
    ],
)
def test_parts_have_no_prefix_in_a_configuration_and_names_that_users_chose_stay(
    dotted: str, argument: str, key: str
) -> None:
    assert ARGUMENTS(dotted) == argument
    assert CONFIG(dotted) == key


@pytest.mark.parametrize(
    ("part", "dotted", "called"),
    [
        ("functions", "functions.api.environment", "settings.environment"),
        ("database", "adopted.database.instance_identifiers", "adopted.instance_identifiers"),
        ("database", "import_changes.database", "import_changes"),
        ("user", "users", "users"),
    ],
)
def test_a_component_alone_has_no_map_of_parts_or_functions(part: str, dotted: str, called: str) -> None:
    assert ALONE.of(part)(dotted) == called


def test_steps_of_a_path_are_joined_and_numbers_are_indices() -> None:
    assert CONFIG.label(("network", "subnet_ids", 1)) == "subnetIds[1]"
    assert ARGUMENTS.label(("network", "subnet_ids", 1)) == "network.subnet_ids[1]"
    assert CONFIG.label(("stack", "tags", Chosen("cost_center"))) == "tags.cost_center"
    assert CONFIG.label(("stack",)) == "stack"


def test_a_field_in_camel_case_has_a_letter_or_digit_after_each_underscore_raised() -> None:
    assert camel_case("max_connections_percent") == "maxConnectionsPercent"
    assert camel_case("zones") == "zones"
    assert camel_case("x_86_bit") == "x86Bit"


def test_every_part_of_the_whole_is_a_part_or_has_a_key_of_its_own() -> None:
    kinds = {name: plain(annotation)[0] for name, annotation in ServerlessDatabaseArgs.__annotations__.items()}
    settings = {name for name, kind in kinds.items() if getattr(kind, "__name__", "").endswith("Settings")}
    assert settings == set(PARTS)


def test_without_a_program_that_says_otherwise_components_are_used_alone() -> None:
    assert SPELLING.get() is ALONE
