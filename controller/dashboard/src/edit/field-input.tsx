/** One field of a spec: the control that its type asks for, its description and what is wrong with
 * it. */

import { FormGroup, FormSelect, FormSelectOption, TextInput } from "@patternfly/react-core";
import { useId } from "react";
import type { ProblemError } from "../api/documents";
import { formatRate } from "../rates/units";
import { labelOf, REFERENCES, type Field } from "./fields";
import { GroupInput } from "./group-input";
import { Help } from "./help";
import { ListInput } from "./list-input";
import { MapInput } from "./map-input";
import { ReferenceInput } from "./reference-input";

export interface InputProps {
  field: Field;
  value: unknown;
  /** undefined takes the field out: it is then its default. */
  onChange: (value: unknown) => void;
  /** With pointers that begin below this field. */
  errors: readonly ProblemError[];
}

/** Those of a field below: their pointers without its name. */
export function below(errors: readonly ProblemError[], name: string | number): ProblemError[] {
  const prefix = `/${name}`;
  return errors
    .filter(({ pointer }) => pointer === prefix || pointer.startsWith(`${prefix}/`))
    .map((error) => ({ ...error, pointer: error.pointer.slice(prefix.length) }));
}

export function FieldInput(props: InputProps) {
  const { field, errors } = props;
  if (field.type === "object") return <GroupInput {...props} />;
  const isWide = field.type === "map" || (field.type === "list" && field.items?.type === "object");
  return (
    <Labelled field={field} value={props.value} errors={errors} isWide={isWide}>
      {(id) => <Control id={id} {...props} />}
    </Labelled>
  );
}

/** A long number of bits as people say it. */
function inWords(name: string, value: unknown): string {
  return name.endsWith("_bps") && typeof value === "number" && value >= 1000 ? formatRate(value, "bit/s", String) : "";
}

interface LabelledProps {
  field: Field;
  value: unknown;
  errors: readonly ProblemError[];
  isWide?: boolean;
  children: (id: string) => React.ReactNode;
}

function Labelled({ field, value, errors, isWide = false, children }: LabelledProps) {
  const id = useId();
  const { name, description, required } = field;
  // In a list of groups, each group's fields have their errors beside them.
  const isOfGroups = field.type === "list" && field.items?.type === "object";
  const own = isOfGroups ? errors.filter(({ pointer }) => !/^\/\d+\/./.test(pointer)) : errors;
  return (
    <FormGroup
      label={labelOf(name)}
      fieldId={id}
      isRequired={required}
      className={isWide ? "edit-wide" : undefined}
    >
      {children(id)}
      <Help id={`${id}-help`} errors={own} text={[inWords(name, value), description].filter(Boolean).join(". ")} />
    </FormGroup>
  );
}

function Control({ id, field, value, onChange, errors }: InputProps & { id: string }) {
  const validated = errors.length > 0 ? "error" : "default";
  const common = { id, validated, "aria-describedby": `${id}-help` } as const;
  const { type, options = [], name } = field;
  if (type === "list") return <ListInput id={id} field={field} value={value} onChange={onChange} errors={errors} />;
  if (type === "map") return <MapInput id={id} value={value} onChange={onChange} label={labelOf(name)} />;
  if (type === "choice")
    return <Choice {...common} field={field} options={options} value={value} onChange={onChange} />;
  if (type === "boolean") return <YesNo {...common} field={field} value={value} onChange={onChange} />;
  const kind = REFERENCES[name];
  if (kind && type === "text")
    return <ReferenceInput {...common} kind={kind} value={asText(value)} onChange={onChange} />;
  return (
    <TextInput
      {...common}
      value={asText(value)}
      placeholder={placeholderOf(field)}
      inputMode={inputModeOf(field)}
      autoComplete="off"
      isRequired={field.required}
      onChange={(_, text) => onChange(typed(field, text))}
    />
  );
}

/** A keyboard of digits, unless a word may stand there too. */
function inputModeOf({ type, words = [] }: Field): "numeric" | "decimal" | "text" {
  if (words.length > 0) return "text";
  return ({ integer: "numeric", number: "decimal" } as const)[type as "integer" | "number"] ?? "text";
}

const asText = (value: unknown): string => (value === undefined || value === null ? "" : String(value));

function placeholderOf({ default: usual, words = [] }: Field): string {
  const others = words.filter((word) => word !== usual);
  const kinds = words.length > 0 ? ["a number", ...others].join(" or ") : "";
  if (usual === null || usual === "") return kinds;
  return [`${String(usual)} (default)`, kinds].filter(Boolean).join(", or ");
}

/** Digits become a number; anything else goes to the API as it is, which says what is wrong. */
function typed({ type }: Field, text: string): unknown {
  if (text === "") return undefined;
  const isNumber = type === "integer" || type === "number";
  return isNumber && /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : text;
}

interface ChoiceProps {
  id: string;
  validated: "error" | "default";
  field: Field;
  value: unknown;
  onChange: (value: unknown) => void;
}

function Choice({ field, options, value, onChange, ...rest }: ChoiceProps & { options: string[] }) {
  const usual = field.default === null ? "not set" : `${String(field.default)} (default)`;
  const others = options.filter((option) => option !== field.default);
  return (
    <FormSelect
      {...rest}
      value={value === undefined || value === null || value === field.default ? "" : String(value)}
      onChange={(_, chosen) => onChange(chosen === "" ? undefined : chosen)}
    >
      <FormSelectOption value="" label={field.required ? "Choose one" : usual} />
      {others.map((option) => (
        <FormSelectOption key={option} value={option} label={option} />
      ))}
    </FormSelect>
  );
}

function YesNo({ field, value, onChange, ...rest }: ChoiceProps) {
  const usual = field.default === null ? "not set" : `${field.default ? "yes" : "no"} (default)`;
  const shown = value === undefined || value === null ? "" : String(value);
  return (
    <FormSelect
      {...rest}
      value={shown}
      onChange={(_, chosen) => onChange(chosen === "" ? undefined : chosen === "true")}
    >
      <FormSelectOption value="" label={usual} />
      <FormSelectOption value="true" label="yes" />
      <FormSelectOption value="false" label="no" />
    </FormSelect>
  );
}
