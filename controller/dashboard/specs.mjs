/** Writes src/edit/specs.json: the fields of each kind's spec, as the forms need them, from the
 * committed OpenAPI document. So forms know what the API knows, and nothing else. */

import { readFileSync, writeFileSync } from "node:fs";

const { components } = JSON.parse(readFileSync("../api/openapi.json", "utf8"));
const { schemas } = components;

const resolved = (schema) => (schema.$ref ? schemas[schema.$ref.split("/").pop()] : schema);

/** What a value may be besides null. */
function alternatives(schema) {
  return (schema.anyOf ?? [schema]).filter(({ type }) => type !== "null").map(resolved);
}

function shape(schema) {
  const [first, ...others] = alternatives(schema);
  const words = [first, ...others].filter((one) => "const" in one).map((one) => one.const);
  const main = [first, ...others].find((one) => !("const" in one)) ?? first;
  const isChoice = "enum" in main;
  return {
    type: isChoice ? "choice" : typeOf(main),
    ...(isChoice && { options: main.enum }),
    ...(words.length > 0 && { words }),
    ...(main.type === "array" && { items: shape(main.items) }),
    ...(main.properties && { fields: fields(main) }),
  };
}

function typeOf({ type, properties }) {
  if (properties) return "object";
  if (type === "object") return "map";
  return { array: "list", integer: "integer", number: "number", boolean: "boolean" }[type] ?? "text";
}

/** What a field is for, or else what a group of fields is of. */
function described(schema) {
  const [main] = alternatives(schema);
  return schema.description ?? (main.properties ? main.description : undefined) ?? "";
}

function fields({ properties, required = [] }) {
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    description: described(schema).replaceAll("\n", " ").replaceAll("``", "`"),
    required: required.includes(name),
    nullable: schema.anyOf?.some(({ type }) => type === "null") ?? false,
    default: schema.default ?? null,
    ...shape(schema),
  }));
}

const specs = Object.fromEntries(
  schemas.Kind.enum.map((kind) => [kind, fields(schemas[`${kind}Spec`])]),
);
writeFileSync("src/edit/specs.json", `${JSON.stringify(specs)}\n`);
