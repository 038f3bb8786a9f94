/** The fields of a spec that say something, as facts to read; names of other objects are links. */

import { DescriptionList, DescriptionListDescription } from "@patternfly/react-core";
import { DescriptionListGroup, DescriptionListTerm, Label } from "@patternfly/react-core";
import type { ReactNode } from "react";
import type { StoredObject } from "../api/objects";
import { Moment } from "../chrome/moment";
import { fieldsOf, labelOf, REFERENCES, type Field, type Values } from "../edit/fields";
import { ObjectLink } from "../kinds/object-link";
import { infoOf } from "../kinds/kinds";

export function Facts({ object: { kind, metadata, spec } }: { object: StoredObject }) {
  const labels = Object.entries(metadata.labels);
  return (
    <DescriptionList isCompact isAutoFit autoFitMinModifier={{ default: "12rem" }}>
      {infoOf(kind).ofProjects && <Fact term="Project">{metadata.project}</Fact>}
      {fieldsOf(kind)
        .filter(({ name }) => isSaid(spec[name]))
        .map((field) => (
          <Fact key={field.name} term={labelOf(field.name)}>
            <Value field={field} value={spec[field.name]} project={metadata.project} />
          </Fact>
        ))}
      {labels.length > 0 && (
        <Fact term="Labels">
          <span className="labels">
            {labels.map(([key, value]) => (
              <Label key={key} isCompact variant="outline">
                {key}={value}
              </Label>
            ))}
          </span>
        </Fact>
      )}
      <Fact term="Revision">
        <span className="mono">{metadata.revision}</span>{" "}
        <span className="muted">
          changed <Moment at={metadata.updated_at} />
        </span>
      </Fact>
      <Fact term="Created">
        <Moment at={metadata.created_at} />
      </Fact>
      <Fact term="UID">
        <span className="mono">{metadata.uid}</span>
      </Fact>
    </DescriptionList>
  );
}

export function Fact({ term, children }: { term: string; children: ReactNode }) {
  return (
    <DescriptionListGroup>
      <DescriptionListTerm>{term}</DescriptionListTerm>
      <DescriptionListDescription>{children}</DescriptionListDescription>
    </DescriptionListGroup>
  );
}

function isSaid(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}

interface ValueProps {
  field: Pick<Field, "name" | "fields" | "items">;
  value: unknown;
  project: string;
}

function Value({ field, value, project }: ValueProps): ReactNode {
  if (Array.isArray(value))
    return (
      <ul className="fact-list">
        {value.map((item, index) => (
          <li key={index}>
            <Value field={{ name: field.name, fields: field.items?.fields }} value={item} project={project} />
          </li>
        ))}
      </ul>
    );
  if (typeof value === "object" && value !== null)
    return <Inner fields={field.fields} values={value as Values} project={project} />;
  if (typeof value === "boolean") return value ? "yes" : "no";
  const kind = REFERENCES[field.name];
  if (kind && typeof value === "string") return <ObjectLink kind={kind} name={value} project={project} />;
  return <span className={typeof value === "number" ? "number" : "fact-text"}>{String(value)}</span>;
}

interface InnerProps {
  fields: Field[] | undefined;
  values: Values;
  project: string;
}

function Inner({ fields, values, project }: InnerProps) {
  const said = Object.entries(values).filter(([, value]) => isSaid(value));
  return (
    <span className="fact-inner">
      {said.map(([name, value]) => (
        <span key={name}>
          <span className="muted">{fields ? labelOf(name) : name}</span>{" "}
          <Value field={fields?.find((each) => each.name === name) ?? { name: "" }} value={value} project={project} />
        </span>
      ))}
    </span>
  );
}
