import { ConditionsCard } from "../host/conditions-card";
import type { TabProps } from "./tabs";

export function Overview({ object }: TabProps) {
  return <ConditionsCard conditions={object.status.conditions} />;
}
