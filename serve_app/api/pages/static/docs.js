// The page at /docs: the routes of openapi.json, each with its body, an example to send, and its answers.
// Everything is set as text, so that no description can become markup.

const METHODS = ["get", "post", "put", "delete"];
const JSON_TYPE = "application/json";

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

// A schema in a line a field: name, type, and what it says of itself.
function fieldsOf(schema, indent = "") {
  const required = schema.required ?? [];
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const mark = required.includes(name) ? "" : "?";
    const line = `${indent}${name}${mark}: ${typeOf(field)}${field.description ? `  (${field.description})` : ""}`;
    return [line, ...fieldsOf(field.items ?? field, `${indent}  `)];
  });
}

function typeOf(schema) {
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.type === "array" && schema.items) return `[${typeOf(schema.items)}, …]`;
  return [schema.type ?? "any"].flat().join(" | ");
}

function headersFor(operation, fields) {
  const headers = {};
  const key = document.getElementById("key").value;
  if (key) headers["X-API-Key"] = key;
  if (operation.requestBody) headers["Content-Type"] = JSON_TYPE;
  for (const [parameter, input] of fields) {
    if (parameter.in === "header" && input.value) headers[parameter.name] = input.value;
  }
  return headers;
}

function addressOf(path, fields) {
  let address = path.slice(1) || "."; // relative, so that a prefix in front of the service does no harm
  for (const [parameter, input] of fields) {
    if (parameter.in === "path") address = address.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
  }
  const asked = fields.filter(([parameter, input]) => parameter.in === "query" && input.value);
  const query = new URLSearchParams(asked.map(([parameter, input]) => [parameter.name, input.value]));
  return asked.length ? `${address}?${query}` : address;
}

async function send(path, method, operation, fields, body, answer) {
  answer.textContent = "…";
  const started = performance.now();
  try {
    const response = await fetch(addressOf(path, fields), {
      method: method.toUpperCase(),
      headers: headersFor(operation, fields),
      body: operation.requestBody ? body.value : undefined,
    });
    const type = response.headers.get("content-type") ?? "";
    const said = /json|text/.test(type) ? await response.text() : `${(await response.arrayBuffer()).byteLength} bytes`;
    answer.textContent = `${response.status} in ${Math.round(performance.now() - started)} ms\n${said.slice(0, 20000)}`;
  } catch (error) {
    answer.textContent = String(error);
  }
}

function show(path, method, operation) {
  const route = document.getElementById("route").content.cloneNode(true);
  const part = (selector) => route.querySelector(selector);
  part(".method").textContent = method.toUpperCase();
  part(".path").textContent = path;
  part(".says").textContent = operation.summary ?? "";
  const fields = (operation.parameters ?? []).map((parameter) => {
    const label = element("label", `${parameter.name} (${parameter.in})  ${parameter.description ?? ""} `);
    const input = document.createElement("input");
    input.value = parameter.example ?? parameter.schema?.enum?.[0] ?? "";
    label.append(input);
    part(".parameters").append(label);
    return [parameter, input];
  });
  const content = operation.requestBody?.content?.[JSON_TYPE];
  const body = part("textarea");
  if (content) {
    part(".schema").textContent = fieldsOf(content.schema).join("\n");
    body.value = JSON.stringify(content.example);
  } else {
    part(".request").remove();
  }
  for (const [status, response] of Object.entries(operation.responses)) {
    const schema = response.content?.[JSON_TYPE]?.schema;
    part("dl").append(element("dt", status), element("dd", response.description));
    if (schema && status === "200") part("dl").lastChild.append(element("pre", fieldsOf(schema).join("\n")));
  }
  const answer = part(".answer");
  part("button").addEventListener("click", () => send(path, method, operation, fields, body, answer));
  document.getElementById("routes").append(route);
}

const described = await (await fetch("openapi.json")).json();
document.getElementById("title").textContent = described.info.title;
document.getElementById("description").textContent = described.info.description;
for (const [path, operations] of Object.entries(described.paths)) {
  for (const method of METHODS) if (operations[method]) show(path, method, operations[method]);
}
document.body.dataset.ready = "yes";
