import { Link } from "wouter";
import { pathOf, type Kind } from "./kinds";

interface Props {
  kind: Kind;
  name: string;
  project?: string | null;
}

export function ObjectLink({ kind, name, project }: Props) {
  return <Link href={pathOf(kind, name, project)}>{name}</Link>;
}
