//! The histograms of token-metrics: their buckets, and the OpenTelemetry metric that each one is.
//!
//! The bounds are those that OpenTelemetry's conventions for generative AI advise, in the histogram's own
//! unit. A proxy takes them from its own configuration, so they stand in every manifest, and the recording
//! rules repeat them; this is the one list that all of these are compared with. Which histograms there are is said by
//! `token_metrics::METRICS`.

/// A histogram.
pub struct Histogram {
    /// Its name on the scrape page, without `_bucket`.
    pub name: &'static str,
    /// Upper bounds in its own unit.
    pub bounds: &'static [u64],
    /// What OpenTelemetry calls it, if it has a name there.
    pub gen_ai: Option<GenAi>,
}

/// A metric of OpenTelemetry's conventions, in Prometheus' notation.
pub struct GenAi {
    /// Its name without `_bucket`.
    pub name: &'static str,
    /// How many of our units are one of theirs.
    pub unit: u64,
    /// Labels that have another name there: theirs, ours, and the values that are taken over.
    pub labels: &'static [(&'static str, &'static str, &'static str)],
}

const MODEL: (&str, &str, &str) = ("gen_ai_request_model", "model", "(.*)");
const ERROR: (&str, &str, &str) =
    ("error_type", "outcome", "(truncated|stalled|error_event|aborted|failed|refused)");

/// 1 ms to 10 s.
const FIRST_TOKEN_MS: &[u64] =
    &[1, 5, 10, 20, 40, 60, 80, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000];

/// All of them, in the order of the manifests.
pub const HISTOGRAMS: &[Histogram] = &[
    Histogram {
        name: "llm_usage_request_tokens",
        bounds: &[
            1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304,
            16_777_216, 67_108_864,
        ],
        gen_ai: Some(GenAi {
            name: "gen_ai_client_token_usage",
            unit: 1,
            labels: &[MODEL, ("gen_ai_token_type", "type", "(.*)")],
        }),
    },
    Histogram {
        name: "llm_usage_time_to_first_token_milliseconds",
        bounds: FIRST_TOKEN_MS,
        gen_ai: Some(GenAi {
            name: "gen_ai_server_time_to_first_token_seconds",
            unit: 1000,
            labels: &[MODEL],
        }),
    },
    Histogram {
        name: "llm_usage_time_per_output_token_microseconds",
        bounds: &[
            10_000, 25_000, 50_000, 75_000, 100_000, 150_000, 200_000, 300_000, 400_000, 500_000,
            750_000, 1_000_000, 2_500_000,
        ],
        gen_ai: Some(GenAi {
            name: "gen_ai_server_time_per_output_token_seconds",
            unit: 1_000_000,
            labels: &[MODEL],
        }),
    },
    Histogram {
        // The bounds of the mean, and finer ones below it: most gaps of a stream are short.
        name: "llm_usage_inter_token_gap_microseconds",
        bounds: &[
            100, 1000, 2000, 5000, 10_000, 25_000, 50_000, 75_000, 100_000, 150_000, 200_000,
            300_000, 400_000, 500_000, 750_000, 1_000_000, 2_500_000,
        ],
        gen_ai: None,
    },
    Histogram {
        name: "llm_usage_duration_milliseconds",
        bounds: &[10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10_240, 20_480, 40_960, 81_920],
        gen_ai: Some(GenAi {
            name: "gen_ai_server_request_duration_seconds",
            unit: 1000,
            labels: &[MODEL, ERROR],
        }),
    },
    Histogram { name: "llm_usage_queue_time_milliseconds", bounds: FIRST_TOKEN_MS, gen_ai: None },
];
