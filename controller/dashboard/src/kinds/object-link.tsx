import { Link } from "wouter";
import { isKind, pathOf, type Kind } from "./kinds";

interface Props {
  kind: Kind;
  name: string;
  project?: string | null;
}

export function ObjectLink({ kind, name, project }: Props) {
  // A newer controller may have kinds that this page does not know.
  if (!isKind(kind)) return name;
  return <Link href={pathOf(kind, name, project)}>{name}</Link>;
}
