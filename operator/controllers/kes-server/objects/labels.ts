// The labels of a server's children, as https://kubernetes.io/docs/reference/labels-annotations-taints/ recommends them.
import { labels } from "../../../api/kinds.ts";
import type { KesServer } from "../../../api/generated.ts";

type Labels = Readonly<Record<string, string>>;

/** On everything that the operator makes: its watches of built-in kinds select by it. */
const managedBy = "kes-operator";

interface Labelled {
  readonly server: KesServer;
  /** Image reference of the server. */
  readonly image: string;
}

/** Of every child, pods included. None of them changes unless the image does: a new operator restarts nothing. */
export function labelsOf({ server, image }: Labelled): Labels {
  const version = versionOf(image);
  return {
    ...selectorOf(server),
    "app.kubernetes.io/component": "server",
    "app.kubernetes.io/managed-by": managedBy,
    "app.kubernetes.io/part-of": "kes",
    ...(version === undefined ? {} : { "app.kubernetes.io/version": version }),
    [labels.server]: server.metadata.name,
  };
}

/** What selects the pods of a server. It can never be changed: selectors of workloads are immutable. */
export function selectorOf({ metadata }: KesServer): Labels {
  return { "app.kubernetes.io/name": "kes", "app.kubernetes.io/instance": metadata.name };
}

/** The tag of an image reference, where it has one that can be a label's value. */
function versionOf(image: string): string | undefined {
  const [, tag] = /^[^@]*:([\w.-]+)(?:@.*)?$/.exec(image) ?? [];
  return tag !== undefined && /^[a-z0-9]([\w.-]{0,61}[a-z0-9])?$/i.test(tag) ? tag : undefined;
}
