/**
 * Writes `docs/grafana.json`, a board for Grafana over Prometheus, from the list of panels below. `npm run docs` writes it, and
 * `node scripts/grafanaBoard.ts --check` fails where it is out of date. `site/test/board.test.ts` asks a real Prometheus each query.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

export interface Panel {
  readonly title: string
  readonly description: string
  /** Grafana's name of the unit: seconds, per second, a share of one, none. */
  readonly unit: "s" | "reqps" | "percentunit" | "none"
  /** PromQL, and how a line is named. */
  readonly query: string
  readonly legend: string
}

export interface Row {
  readonly title: string
  readonly panels: ReadonlyArray<Panel>
}

const rate = (metric: string, by: string, labels = "") => `sum by (${by}) (rate(${metric}${labels}[$__rate_interval]))`

const quantile = (metric: string, by: string) =>
  `histogram_quantile(0.99, sum by (le, ${by}) (rate(${metric}_bucket[$__rate_interval])))`

export const rows: ReadonlyArray<Row> = [
  {
    title: "Policies",
    panels: [
      {
        title: "Attempts",
        description: "Attempts a second, by policy and outcome",
        unit: "reqps",
        query: rate("holdfast_policy_attempts", "holdfast_policy, outcome"),
        legend: "{{holdfast_policy}} {{outcome}}"
      },
      {
        title: "Amplification",
        description: "Attempts for each first attempt: 1 without retries. A budget keeps it near 1 during an outage",
        unit: "none",
        query: `${rate("holdfast_policy_attempts", "holdfast_policy")} / (${
          rate("holdfast_policy_attempts", "holdfast_policy")
        } - ${rate("holdfast_policy_retries", "holdfast_policy")})`,
        legend: "{{holdfast_policy}}"
      },
      {
        title: "Slowest attempts",
        description: "The 99th percentile of the duration of attempts",
        unit: "s",
        query: quantile("holdfast_policy_attempt_duration", "holdfast_policy"),
        legend: "{{holdfast_policy}}"
      },
      {
        title: "Rejections",
        description: "Calls that a bulkhead, a rate limit or a circuit breaker rejected",
        unit: "reqps",
        query: rate("holdfast_policy_rejections", "holdfast_policy, by"),
        legend: "{{holdfast_policy}}: {{by}}"
      },
      {
        title: "Retries stopped",
        description: "Failed calls that were not retried again, by reason",
        unit: "reqps",
        query: rate("holdfast_policy_stops", "holdfast_policy, reason"),
        legend: "{{holdfast_policy}}: {{reason}}"
      },
      {
        title: "Circuits",
        description: "Transitions of circuit breakers",
        unit: "none",
        query: "sum by (holdfast_policy, from, to) (increase(holdfast_circuit_breaker_transitions[$__rate_interval]))",
        legend: "{{holdfast_policy}}: {{from}} to {{to}}"
      },
      {
        title: "Bulkheads",
        description: "How full each bulkhead is",
        unit: "percentunit",
        query: "holdfast_bulkhead_running / holdfast_bulkhead_limit",
        legend: "{{holdfast_bulkhead}}"
      },
      {
        title: "Queues",
        description: "Calls that wait for a permit",
        unit: "none",
        query: "holdfast_bulkhead_waiting",
        legend: "{{holdfast_bulkhead}}"
      }
    ]
  },
  {
    title: "HTTP",
    panels: [
      {
        title: "Requests",
        description: "Requests a second, by server and status",
        unit: "reqps",
        query: rate("http_client_request_duration_count", "server_address, http_response_status_code"),
        legend: "{{server_address}} {{http_response_status_code}}"
      },
      {
        title: "Errors",
        description: "The share of requests that failed, by server",
        unit: "percentunit",
        query: `${rate("http_client_request_duration_count", "server_address", "{error_type!=\"\"}")} / ${
          rate("http_client_request_duration_count", "server_address")
        }`,
        legend: "{{server_address}}"
      },
      {
        title: "Slowest requests",
        description: "The 99th percentile of the duration up to the head of the response",
        unit: "s",
        query: quantile("http_client_request_duration", "server_address"),
        legend: "{{server_address}}"
      }
    ]
  },
  {
    title: "Language models",
    panels: [
      {
        title: "Attempts by provider",
        description: "Attempts a second, by provider and model",
        unit: "reqps",
        query: rate("gen_ai_client_operation_duration_count", "gen_ai_provider_name, gen_ai_request_model"),
        legend: "{{gen_ai_provider_name}}/{{gen_ai_request_model}}"
      },
      {
        title: "Fallbacks",
        description: "Providers that were left for the next one, by reason",
        unit: "reqps",
        query: rate("holdfast_llm_fallbacks", "gen_ai_provider_name, holdfast_llm_reason"),
        legend: "{{gen_ai_provider_name}}: {{holdfast_llm_reason}}"
      },
      {
        title: "Skips",
        description: "Providers that were not asked, by reason",
        unit: "reqps",
        query: rate("holdfast_llm_skips", "gen_ai_provider_name, holdfast_llm_reason"),
        legend: "{{gen_ai_provider_name}}: {{holdfast_llm_reason}}"
      },
      {
        title: "First content",
        description: "The 99th percentile of the time to the first content of a stream",
        unit: "s",
        query: quantile("gen_ai_client_operation_time_to_first_chunk", "gen_ai_provider_name"),
        legend: "{{gen_ai_provider_name}}"
      },
      {
        title: "Tokens",
        description: "Tokens a second, by provider and type",
        unit: "none",
        query: rate("gen_ai_client_token_usage_sum", "gen_ai_provider_name, gen_ai_token_type"),
        legend: "{{gen_ai_provider_name}} {{gen_ai_token_type}}"
      }
    ]
  }
]

const datasource = { type: "prometheus", uid: "${datasource}" }

/** The board: rows from top to bottom, three panels beside one another. */
const board = () => {
  let y = 0
  let id = 0
  const panels = rows.flatMap(({ panels: listed, title }) => {
    const row = { id: ++id, type: "row", title, collapsed: false, gridPos: { x: 0, y, w: 24, h: 1 } }
    const placed = listed.map((panel, index) => ({
      id: ++id,
      type: "timeseries",
      title: panel.title,
      description: panel.description,
      datasource,
      gridPos: { x: index % 3 * 8, y: y + 1 + Math.floor(index / 3) * 8, w: 8, h: 8 },
      fieldConfig: { defaults: { unit: panel.unit, min: 0 }, overrides: [] },
      options: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
      targets: [{ refId: "A", datasource, expr: panel.query, legendFormat: panel.legend }]
    }))
    y += 1 + Math.ceil(listed.length / 3) * 8
    return Array.of<object>(row).concat(placed)
  })
  return {
    uid: "holdfast",
    title: "Holdfast",
    tags: ["holdfast"],
    timezone: "browser",
    schemaVersion: 39,
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    templating: { list: [{ name: "datasource", label: "Data source", type: "datasource", query: "prometheus" }] },
    panels
  }
}

if (import.meta.main) {
  const file = join(import.meta.dirname, "../docs/grafana.json")
  const text = `${JSON.stringify(board(), null, 2)}\n`
  if (!process.argv.includes("--check")) writeFileSync(file, text)
  else if (readFileSync(file, "utf8") !== text) {
    process.stdout.write("docs/grafana.json is out of date: run `npm run docs`\n")
    process.exitCode = 1
  }
}
