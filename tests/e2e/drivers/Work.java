// A bit of everything through JDBC; prints what it sees, nothing that names the connection.
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

public class Work {
  static void print(ResultSet rows) throws SQLException {
    while (rows.next()) {
      StringBuilder line = new StringBuilder();
      for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) line.append(rows.getString(i)).append('|');
      System.out.println(line);
    }
  }

  public static void main(String[] arguments) throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", System.getenv("PGUSER"));
    properties.setProperty("password", System.getenv("PGPASSWORD"));
    properties.setProperty("sslmode", "verify-full");
    properties.setProperty("sslrootcert", System.getenv("PGSSLROOTCERT"));
    String database = java.net.URLEncoder.encode(System.getenv("PGDATABASE"), java.nio.charset.StandardCharsets.UTF_8);
    String url = "jdbc:postgresql://localhost:" + System.getenv("PGPORT") + "/" + database;
    try (Connection connection = DriverManager.getConnection(url, properties)) {
      try (Statement statement = connection.createStatement()) {
        print(statement.executeQuery("select * from orders order by id limit 5"));
        print(connection.getMetaData().getColumns(null, "public", "orders", "%"));
      }
      // Over the driver's threshold of five: the later ones use a named statement and binary results.
      try (PreparedStatement statement = connection.prepareStatement("select id, amount, placed from orders where id = ?")) {
        for (int i = 1; i <= 10; i++) {
          statement.setInt(1, i);
          print(statement.executeQuery());
        }
      }
      connection.setAutoCommit(false);
      try (PreparedStatement statement = connection.prepareStatement("insert into notes (body) values (?)")) {
        for (int i = 0; i < 50; i++) {
          statement.setString(1, "batch " + i);
          statement.addBatch();
        }
        System.out.println(statement.executeBatch().length);
      }
      try (PreparedStatement statement = connection.prepareStatement("select g from generate_series(1, 1000) g")) {
        statement.setFetchSize(100);
        int count = 0;
        try (ResultSet rows = statement.executeQuery()) {
          while (rows.next()) count++;
        }
        System.out.println(count);
      }
      connection.rollback();
      for (String text : new String[] {"select 1/0", "selec", "select * from nowhere"}) {
        try (Statement statement = connection.createStatement()) {
          statement.executeQuery(text);
        } catch (SQLException error) {
          System.out.println(error.getSQLState() + " " + error.getMessage());
        }
        connection.rollback();
      }
    }
  }
}
