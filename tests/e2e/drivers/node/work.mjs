// A bit of everything through npm's pg; prints what it sees, nothing that names the connection.
import fs from "node:fs";
import pg from "pg";

const client = new pg.Client({
  host: "localhost",
  port: Number(process.env.PGPORT),
  user: process.env.PGUSER,
  password: process.env.PGPASSWORD,
  database: process.env.PGDATABASE,
  ssl: { ca: fs.readFileSync(process.env.PGSSLROOTCERT), rejectUnauthorized: true },
});
const say = (value) => console.log(JSON.stringify(value));

await client.connect();
say((await client.query("select 1 as one, 'two' as two, null as three")).rows);
say((await client.query("select * from orders order by id limit 5")).rows);
for (const value of [1, "text", null, true, [1, 2], { a: 1 }]) {
  say((await client.query("select $1::text as value", [value])).rows);
}
for (let i = 0; i < 5; i++) {
  say((await client.query({ name: "by-id", text: "select amount from orders where id = $1", values: [i + 1] })).rows);
}
say((await client.query("select 1 as a; select 2 as b")).map((result) => result.rows));
for (const text of ["select 1/0", "selec", "select * from nowhere"]) {
  try {
    await client.query(text);
  } catch (error) {
    say([error.code, error.message, error.position ?? null]);
  }
}
await client.query("begin");
await client.query("insert into notes (body) values ($1)", ["from node"]);
say((await client.query("select body from notes where body = 'from node'")).rowCount);
await client.query("rollback");
const all = await Promise.all([...Array(20).keys()].map((i) => client.query("select $1::int as i", [i])));
say(all.map((result) => result.rows[0].i));
await client.end();
