/** The fields of a spec that say something, as facts to read; names of other objects are links. */

import { Button, DescriptionList, DescriptionListDescription } from "@patternfly/react-core";
import { DescriptionListGroup, DescriptionListTerm, Label } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import type { StoredObject } from "../api/objects";
import { Moment } from "../chrome/moment";
import { labelOf, REFERENCES, sorted, type Field, type Values } from "../edit/fields";
import { ObjectLink } from "../kinds/object-link";
import { infoOf, type Kind } from "../kinds/kinds";

export function Facts({ object: { kind, metadata, spec } }: { object: StoredObject }) {
  const [isAll, setAll] = useState(false);
  const { chosen, usual } = split(kind, spec);
  return (
    <>
      <DescriptionList isCompact isAutoFit autoFitMinModifier={{ default: "10rem" }}>
        {(isAll ? [...chosen, ...usual] : chosen).map((field) => (
          <Fact key={field.name} term={labelOf(field.name)}>
            <Value field={field} value={spec[field.name]} project={metadata.project} />
          </Fact>
        ))}
      </DescriptionList>
      {chosen.length === 0 && <p className="muted">All as by default.</p>}
      {usual.length > 0 && (
        <Button variant="link" isInline className="facts-more" aria-expanded={isAll} onClick={() => setAll(!isAll)}>
          {isAll ? "Hide what is as by default" : `Show ${usual.length} more, as by default`}
        </Button>
      )}
    </>
  );
}

/** What every object has, whatever it is. */
export function About({ object: { kind, metadata } }: { object: StoredObject }) {
  const { project, labels, revision, created_at, updated_at, uid } = metadata;
  const all = Object.entries(labels);
  return (
    <DescriptionList isCompact isHorizontal horizontalTermWidthModifier={{ default: "5rem" }}>
      {infoOf(kind).ofProjects && <Fact term="Project">{project}</Fact>}
      {all.length > 0 && (
        <Fact term="Labels">
          <span className="labels">
            {all.map(([key, value]) => (
              <Label key={key} isCompact variant="outline">
                {value ? `${key}=${value}` : key}
              </Label>
            ))}
          </span>
        </Fact>
      )}
      <Fact term="Revision">
        <span className="number">{revision}</span>
        <span className="muted">
          , of <Moment at={updated_at} />
        </span>
      </Fact>
      <Fact term="Created">
        <Moment at={created_at} />
      </Fact>
      <Fact term="UID">
        <span className="mono detail fact-text">{uid}</span>
      </Fact>
    </DescriptionList>
  );
}

/** What somebody chose or has to know, in the order of the form; and what is as it is by default. */
function split(kind: Kind, spec: Values) {
  const { first, more } = sorted(kind, spec);
  const said = [...first, ...more].filter(({ name }) => isSaid(spec[name]));
  const isUsual = (field: Field) => spec[field.name] === field.default && !first.includes(field);
  return { chosen: said.filter((field) => !isUsual(field)), usual: said.filter(isUsual) };
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
