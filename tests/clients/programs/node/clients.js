// Clients with node-postgres: `node clients.js KIND`. It reads the PG… variables itself.
const { Client } = require("pg");

// A value that only this statement has, and what another client would have changed, were it let.
const TEXT = "SELECT $1::int AS number, current_setting('timezone') AS zone";
const KINDS = {
  pg: (number) => ({ text: TEXT, values: [number] }),
  "pg-named": (number) => ({ name: "order", text: TEXT, values: [number] }),
};

const [clients, sessions, statements] = ["CLIENTS", "SESSIONS", "STATEMENTS"].map((name) => Number(process.env[name]));
const stay = process.env.MODE === "stay";
const report = { done: 0, errors: [], wrong: [] };
const arrivals = [];
let allArrived;
const everybody = new Promise((resolve) => (allArrived = resolve));

function arrive(own) {
  if (!arrivals.includes(own)) arrivals.push(own);
  if (arrivals.length === clients) allArrived();
}

async function session(query, first, own) {
  const client = new Client();
  client.on("error", () => {}); // told once by the query that failed is enough
  await client.connect();
  try {
    for (let number = first; number < first + statements; number++) {
      const { rows } = await client.query(query(number));
      report.done++;
      if (rows[0].number !== number || rows[0].zone !== "UTC") {
        report.wrong.push(`${number} became ${JSON.stringify(rows)}`);
      }
    }
    if (stay) {
      arrive(own);
      await everybody; // the session stays until every client has come to its end
    }
  } finally {
    await client.end().catch(() => {});
  }
}

async function run(own) {
  for (let each = 0; each < sessions; each++) {
    try {
      await session(KINDS[process.argv[2]], own * 1000 + each * statements, own);
    } catch (error) {
      report.errors.push(`${error.code ?? ""} ${error.message} ${error.detail ?? ""}`);
    }
  }
  arrive(own);
}

Promise.all(Array.from({ length: clients }, (_, index) => run(index + 1))).then(() => console.log(JSON.stringify(report)));
