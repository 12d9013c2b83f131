// Items with owners, served over HTTP and stored in DynamoDB.
//
//     node server.cjs racy|fixed PORT
//
// `racy` reads an item, decides, and acts in a second call; `fixed` decides in the call that acts.

const http = require("node:http");
const { DynamoDB } = require("@aws-sdk/client-dynamodb");

const [variant, port] = process.argv.slice(2);
const dynamodb = new DynamoDB(); // endpoint, region and credentials come from the environment, by which the checker intercepts the calls
const routes = { racy: racy(), fixed: fixed() }[variant];

class Refusal extends Error {
  constructor(status) {
    super(`refused with ${status}`);
    this.status = status;
  }
}

function racy() {
  return {
    "GET item": async (caller, id) => [200, { data: (await readOwn(caller, id)).data.S }],

    "DELETE item": async (caller, id) => {
      await readOwn(caller, id);
      await dynamodb.deleteItem({ TableName: "Items", Key: key(id) });
      return [204];
    },

    "PUT item": async (caller, id, { data }) => {
      await readOwn(caller, id);
      await dynamodb.updateItem({
        TableName: "Items",
        Key: key(id),
        UpdateExpression: "SET #data = :data, #version = #version + :one",
        ExpressionAttributeNames: { "#data": "data", "#version": "version" },
        ExpressionAttributeValues: { ":data": { S: data }, ":one": { N: "1" } },
      });
      return [200];
    },

    "POST transfer": async (caller, id, { to }) => {
      await Promise.all([readOwn(caller, id), readMember(to)]);
      await dynamodb.updateItem({
        TableName: "Items",
        Key: key(id),
        UpdateExpression: "SET #owner = :to, #version = #version + :one",
        ExpressionAttributeNames: { "#owner": "owner", "#version": "version" },
        ExpressionAttributeValues: { ":to": { S: to }, ":one": { N: "1" } },
      });
      return [200];
    },
  };
}

// The item returned by a failed condition distinguishes 403 from 404.  A write after a read is conditional on the version read,
// and returns 409 if that has changed.
function fixed() {
  return {
    "GET item": racy()["GET item"],

    "DELETE item": async (caller, id) => {
      const deletion = {
        TableName: "Items",
        Key: key(id),
        ConditionExpression: "attribute_exists(item_id) AND #owner = :caller",
        ExpressionAttributeNames: { "#owner": "owner" },
        ExpressionAttributeValues: { ":caller": { S: caller } },
        ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      };
      await refusing(dynamodb.deleteItem(deletion), {
        ConditionalCheckFailedException: (failure) => (failure.Item ? 403 : 404),
      });
      return [204];
    },

    "PUT item": async (caller, id, { data }) => {
      const seen = await readOwn(caller, id);
      const change = {
        ...mine(caller, id, seen),
        UpdateExpression: "SET #data = :data, #version = #version + :one",
      };
      change.ExpressionAttributeNames["#data"] = "data";
      change.ExpressionAttributeValues[":data"] = { S: data };
      await refusing(dynamodb.updateItem(change), { ConditionalCheckFailedException: () => 409 });
      return [200];
    },

    "POST transfer": async (caller, id, { to }) => {
      const [seen] = await Promise.all([readOwn(caller, id), readMember(to)]);
      const change = { ...mine(caller, id, seen), UpdateExpression: "SET #owner = :to, #version = #version + :one" };
      change.ExpressionAttributeValues[":to"] = { S: to };
      const member = {
        TableName: "Members",
        Key: { member_id: { S: to } },
        ConditionExpression: "attribute_exists(member_id)",
      };
      const writes = { TransactItems: [{ Update: change }, { ConditionCheck: member }] };
      await refusing(dynamodb.transactWriteItems(writes), { TransactionCanceledException: () => 409 });
      return [200];
    },
  };
}

const key = (id) => ({ item_id: { S: id } });

/** The caller's item; refuses if there is none or if another user owns it. */
async function readOwn(caller, id) {
  const { Item } = await dynamodb.getItem({ TableName: "Items", Key: key(id), ConsistentRead: true });
  if (!Item) throw new Refusal(404);
  if (Item.owner.S !== caller) throw new Refusal(403);
  return Item;
}

async function readMember(id) {
  const { Item } = await dynamodb.getItem({
    TableName: "Members",
    Key: { member_id: { S: id } },
    ConsistentRead: true,
  });
  if (!Item) throw new Refusal(400);
  return Item;
}

/** An update that succeeds only while the caller owns the item and its version is unchanged. */
const mine = (caller, id, seen) => ({
  TableName: "Items",
  Key: key(id),
  ConditionExpression: "#owner = :caller AND #version = :seen",
  ExpressionAttributeNames: { "#owner": "owner", "#version": "version" },
  ExpressionAttributeValues: { ":caller": { S: caller }, ":seen": seen.version, ":one": { N: "1" } },
});

/** The result of a call, or the refusal that represents its error. */
async function refusing(call, statuses) {
  try {
    return await call;
  } catch (error) {
    throw error.name in statuses ? new Refusal(statuses[error.name](error)) : error;
  }
}

async function serve(request) {
  const [, id, action] = /^\/items\/([^/]+)(?:\/([^/]+))?$/.exec(request.url) ?? [];
  const route = routes[`${request.method} ${action ?? "item"}`];
  if (!id || !route) return [404];
  // A gateway in front of this service has verified the token, which is the caller's name.
  const [, caller] = /^Bearer (.+)$/.exec(request.headers.authorization ?? "") ?? [];
  if (!caller) return [401];
  const chunks = await request.toArray();
  return route(caller, decodeURIComponent(id), chunks.length ? JSON.parse(Buffer.concat(chunks)) : {});
}

http
  .createServer(async (request, response) => {
    const [status, body] = await serve(request).catch((error) => {
      if (!(error instanceof Refusal)) console.error(error);
      return [error.status ?? 500];
    });
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  })
  .listen(Number(port), "127.0.0.1");
