// Joins the three databases into one replica set and gives the server a user that may read and
// write its own database and nothing else. Run by `database-init`; a second run changes nothing.

const fs = require("fs");
const members = ["database1", "database2", "database3"];
const secret = (name) => fs.readFileSync(`/run/secrets/${name}`, "utf8").trim();

const root = encodeURIComponent(secret("database_root_password"));
const first = new Mongo(`mongodb://root:${root}@database1/?directConnection=true`).getDB("admin");

// An error with this code is the way a member says that it has never been joined.
const NOT_YET_INITIALIZED = 94;

try {
  first.runCommand({ replSetGetStatus: 1 });
} catch (error) {
  if (error.code !== NOT_YET_INITIALIZED) throw error;
  const hosts = members.map((name, index) => ({ _id: index, host: `${name}:27017` }));
  first.runCommand({ replSetInitiate: { _id: "sealroom", members: hosts } });
}

// Waits for the election; any member may have won it.
const set = `${members.join(",")}/sealroom?replicaSet=sealroom&authSource=admin`;
const database = new Mongo(`mongodb://root:${root}@${set}&w=majority`).getDB("sealroom");
const user = {
  pwd: secret("database_password"),
  roles: [{ role: "readWrite", db: "sealroom" }],
};
if (database.getUser("sealroom")) {
  database.updateUser("sealroom", user);
} else {
  database.createUser({ user: "sealroom", ...user });
}
print("The database is ready.");
