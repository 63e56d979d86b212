import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;

/** Clients with pgjdbc: {@code java -cp postgresql.jar Clients.java KIND}. */
class Clients {
    // A value that only this statement has, and what another client would have changed, were it let.
    static final String TEXT = "SELECT ?::int, current_setting('timezone')";
    // Else it sets its application_name with a statement of its own: it does not know yet whether the server has that.
    static final Map<String, String> ASSUMING = Map.of("assumeMinServerVersion", "9.4");
    static final Map<String, Map<String, String>> KINDS = Map.of(
            "jdbc", Map.of(),
            "jdbc-assuming", ASSUMING,
            "jdbc-unprepared", and("prepareThreshold", "0"),
            "jdbc-simple", and("preferQueryMode", "simple"),
            "jdbc-autosave", and("autosave", "always"));

    static final int CLIENTS = number("CLIENTS"), SESSIONS = number("SESSIONS"), STATEMENTS = number("STATEMENTS");
    static final boolean STAY = "stay".equals(System.getenv("MODE"));
    static final CountDownLatch ARRIVALS = new CountDownLatch(CLIENTS);
    static final AtomicInteger DONE = new AtomicInteger();
    static final List<String> ERRORS = new CopyOnWriteArrayList<>(), WRONG = new CopyOnWriteArrayList<>();

    public static void main(String[] arguments) throws InterruptedException {
        var threads = java.util.stream.IntStream.rangeClosed(1, CLIENTS)
                .mapToObj(own -> new Thread(() -> client(KINDS.get(arguments[0]), own))).toList();
        threads.forEach(Thread::start);
        for (var each : threads) each.join();
        System.out.printf("{\"done\": %d, \"errors\": %s, \"wrong\": %s}%n", DONE.get(), json(ERRORS), json(WRONG));
    }

    static void client(Map<String, String> kind, int own) {
        var arrived = false;
        for (var session = 0; session < SESSIONS; session++) {
            try {
                arrived = session(kind, own * 1000 + session * STATEMENTS);
            } catch (SQLException error) {
                ERRORS.add(error.getSQLState() + " " + error.getMessage().replaceAll("\\s+", " "));
            }
        }
        if (!arrived) ARRIVALS.countDown();
    }

    static boolean session(Map<String, String> kind, int first) throws SQLException {
        var settings = new Properties();
        settings.setProperty("user", System.getenv("PGUSER"));
        settings.setProperty("password", System.getenv("PGPASSWORD"));
        settings.setProperty("sslmode", System.getenv("PGSSLMODE"));
        settings.setProperty("sslrootcert", System.getenv("PGSSLROOTCERT"));
        settings.putAll(kind);
        var url = "jdbc:postgresql://%s:%s/%s".formatted(
                System.getenv("PGHOST"), System.getenv("PGPORT"), System.getenv("PGDATABASE"));
        try (var connection = DriverManager.getConnection(url, settings)) {
            connection.setAutoCommit(!kind.containsKey("autosave"));
            for (var number = first; number < first + STATEMENTS; number++) {
                // The driver keeps what it prepared for the text, not for the object.
                try (var statement = connection.prepareStatement(TEXT)) {
                    statement.setInt(1, number);
                    var rows = statement.executeQuery();
                    rows.next();
                    DONE.incrementAndGet();
                    if (rows.getInt(1) != number || !rows.getString(2).equals(System.getProperty("user.timezone"))) {
                        WRONG.add("%d became %d, %s".formatted(number, rows.getInt(1), rows.getString(2)));
                    }
                }
                if (!connection.getAutoCommit()) connection.commit();
            }
            if (!STAY) return false;
            ARRIVALS.countDown();
            // The session stays until every client has come to its end.
            try {
                ARRIVALS.await();
            } catch (InterruptedException error) {
                throw new IllegalStateException(error);
            }
            return true;
        }
    }

    static Map<String, String> and(String name, String value) {
        var settings = new java.util.HashMap<>(ASSUMING);
        settings.put(name, value);
        return settings;
    }

    static int number(String name) {
        return Integer.parseInt(System.getenv(name));
    }

    static String json(List<String> texts) {
        return texts.stream().map(each -> '"' + each.replace("\\", "\\\\").replace("\"", "\\\"") + '"').toList().toString();
    }
}
