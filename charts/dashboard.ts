// The Grafana dashboard: what it shows, row by row; emit-dashboard.ts turns it into what Grafana reads. docs/metrics.md says
// what the metrics mean. Series of servers are those of `$namespace` and `$job`, the headless Service of a server.

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

export interface Panel {
  readonly title: string;
  /** Why one looks at it. */
  readonly help: string;
  /** `lines`: over time; `number`: as it is now; `table`: as it is now, one line per series. */
  readonly shows: "lines" | "number" | "table";
  /** Grafana's name of a unit. */
  readonly unit: string;
  /** Of 24 columns. */
  readonly width: number;
  readonly queries: readonly Query[];
  /** From here on it is red; `below`: up to here. */
  readonly alarm?: { readonly above: number } | { readonly below: number };
}

export interface Query {
  readonly expr: string;
  /** Grafana's template of a series' name. */
  readonly legend: string;
}

const server = 'namespace=~"$namespace", job=~"$job"';
const rate = (metric: string, more = ""): string => `rate(${metric}{${server}${more}}[$__rate_interval])`;
const byServer = "sum by (namespace, job)";
const name = "{{namespace}}/{{job}}";

function quantiles(metric: string, by: string, legend: string): readonly Query[] {
  return [0.5, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (${["le", ...by.split(" ")].filter(Boolean).join(", ")}) (${rate(`${metric}_bucket`)}))`,
    legend: `p${quantile * 100} ${legend}`,
  }));
}

const requests: Row = {
  title: "Requests",
  panels: [
    {
      title: "Requests per second",
      help: "By status. 499: the client left before its answer.",
      shows: "lines",
      unit: "reqps",
      width: 8,
      queries: [
        {
          expr: `sum by (code) (rate({__name__=~"kes_http_request_(success|error|failure)", ${server}}[$__rate_interval]))`,
          legend: "{{code}}",
        },
      ],
    },
    {
      title: "Time to the answer",
      help: "From the arrival of a request.",
      shows: "lines",
      unit: "s",
      width: 8,
      queries: quantiles("kes_http_response_time", "job", "{{job}}"),
    },
    {
      title: "Running requests and connections",
      help: "Requests that wait long for the key store pile up here first.",
      shows: "lines",
      unit: "short",
      width: 8,
      queries: [
        { expr: `${byServer} (kes_http_request_active{${server}})`, legend: `requests ${name}` },
        { expr: `${byServer} (kes_connections{${server}})`, legend: `connections ${name}` },
      ],
    },
    {
      title: "Refused by policy",
      help: "403 answers, by reason. After an edit of a policy this shows whom it shut out.",
      shows: "lines",
      unit: "reqps",
      width: 12,
      queries: [{ expr: `sum by (reason) (${rate("kes_policy_denials_total")})`, legend: "{{reason}}" }],
    },
    {
      title: "Memory",
      help: "Resident memory of each pod.",
      shows: "lines",
      unit: "bytes",
      width: 6,
      queries: [{ expr: `process_resident_memory_bytes{${server}}`, legend: "{{pod}}" }],
    },
    {
      title: "Event loop delay (p99)",
      help: "Above 100 ms the pod has too little CPU.",
      shows: "lines",
      unit: "s",
      width: 6,
      queries: [{ expr: `kes_event_loop_delay_seconds{${server}, quantile="0.99"}`, legend: "{{pod}}" }],
    },
  ],
};

const store: Row = {
  title: "Cache and key store",
  panels: [
    {
      title: "Keys from the cache",
      help: "Share of key look-ups that need no key store.",
      shows: "lines",
      unit: "percentunit",
      width: 8,
      queries: [
        {
          expr: `${byServer} (${rate("kes_cache_hits_total")}) / (${byServer} (${rate("kes_cache_hits_total")}) + ${byServer} (${rate("kes_cache_misses_total")}))`,
          legend: name,
        },
      ],
    },
    {
      title: "Time of key store operations (p99)",
      help: "Failed ones included.",
      shows: "lines",
      unit: "s",
      width: 8,
      queries: quantiles("kes_store_operation_seconds", "operation", "{{operation}}").slice(1),
    },
    {
      title: "Failed key store operations",
      help: "By code (docs/errors.md). get with KeyNotFound is a client's mistake.",
      shows: "lines",
      unit: "ops",
      width: 8,
      queries: [
        { expr: `sum by (operation, code) (${rate("kes_store_errors_total")})`, legend: "{{operation}} {{code}}" },
      ],
    },
    {
      title: "Key store unreachable",
      help: "Pods that count their key store as unreachable.",
      shows: "number",
      unit: "short",
      width: 6,
      queries: [{ expr: `sum(kes_store_offline{${server}})`, legend: "pods" }],
      alarm: { above: 1 },
    },
    {
      title: "Offline budget",
      help: "How long the cached keys last if the key store stays away.",
      shows: "lines",
      unit: "s",
      width: 9,
      queries: [{ expr: `min by (namespace, job) (kes_store_offline_budget_seconds{${server}})`, legend: name }],
    },
    {
      title: "Keys in the cache",
      help: "And the age of the oldest.",
      shows: "lines",
      unit: "short",
      width: 9,
      queries: [
        { expr: `kes_cache_keys{${server}}`, legend: "keys {{pod}}" },
        { expr: `kes_cache_oldest_age_seconds{${server}}`, legend: "oldest, seconds {{pod}}" },
      ],
    },
  ],
};

const certificates: Row = {
  title: "Certificates",
  panels: [
    {
      title: "Server certificates: time left",
      help: "cert-manager renews 30 days before the end unless told otherwise.",
      shows: "lines",
      unit: "s",
      width: 12,
      queries: [
        { expr: `min by (namespace, job) (kes_tls_certificate_expiry_seconds{${server}}) - time()`, legend: name },
      ],
      alarm: { below: 7 * 86_400 },
    },
    {
      title: "Client certificates that expire next: time left",
      help: "Of KesIdentities, the next ten.",
      shows: "table",
      unit: "s",
      width: 12,
      queries: [
        {
          expr: 'bottomk(10, min by (namespace, name) (kes_operator_identity_certificate_expiration_timestamp_seconds{namespace=~"$namespace"}) - time())',
          legend: "{{namespace}}/{{name}}",
        },
      ],
      alarm: { below: 3 * 86_400 },
    },
  ],
};

const policies: Row = {
  title: "Policies",
  panels: [
    {
      title: "From an edit to the last pod",
      help: "How long written policies take to be in force in every ready pod.",
      shows: "lines",
      unit: "s",
      width: 8,
      queries: [0.5, 0.99].map((quantile) => ({
        expr: `histogram_quantile(${quantile}, sum by (le) (rate(kes_operator_bundle_propagation_seconds_bucket[$__rate_interval])))`,
        legend: `p${quantile * 100}`,
      })),
    },
    {
      title: "Not heard of policies for",
      help: "Time since a pod last knew its policies to be the newest.",
      shows: "lines",
      unit: "s",
      width: 8,
      queries: [{ expr: `max by (namespace, job) (kes_sync_unconfirmed_seconds{${server}})`, legend: name }],
      alarm: { above: 300 },
    },
    {
      title: "Bundles put in force and rejected",
      help: "A rejected one was not written by the operator, or the releases differ.",
      shows: "lines",
      unit: "short",
      width: 8,
      queries: [
        {
          expr: `${byServer} (increase(kes_sync_applied_total{${server}}[$__rate_interval]))`,
          legend: `in force ${name}`,
        },
        {
          expr: `${byServer} (increase(kes_sync_rejected_total{${server}}[$__rate_interval]))`,
          legend: `rejected ${name}`,
        },
      ],
    },
  ],
};

const operator: Row = {
  title: "Operator",
  panels: [
    {
      title: "Not ready",
      help: "Objects whose condition Ready is not True; kubectl describe says why.",
      shows: "table",
      unit: "short",
      width: 8,
      queries: [
        {
          expr: 'max by (kind, namespace, name, status) (kes_operator_resource_condition{namespace=~"$namespace", type="Ready", status!="True"})',
          legend: "{{kind}} {{namespace}}/{{name}}: {{status}}",
        },
      ],
    },
    {
      title: "Visits",
      help: "By controller and result.",
      shows: "lines",
      unit: "ops",
      width: 8,
      queries: [
        {
          expr: 'sum by (controller, result) (rate(controller_runtime_reconcile_total{controller=~"kes.+"}[$__rate_interval]))',
          legend: "{{controller}} {{result}}",
        },
      ],
    },
    {
      title: "Waiting objects",
      help: "Keys in the queues. More than a handful for minutes: the API server is slow, or something fails.",
      shows: "lines",
      unit: "short",
      width: 8,
      queries: [{ expr: 'sum by (name) (workqueue_depth{name=~"kes.+"})', legend: "{{name}}" }],
    },
  ],
};

export const dashboard: readonly Row[] = [requests, store, certificates, policies, operator];
