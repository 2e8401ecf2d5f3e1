use super::super::scrape::{Reading, Readings};
use super::*;

fn says(samples: u64) -> Readings {
    let gate = |signal: &str| {
        let key = ["gpu", "v2", "v1", "1764579600", signal].map(str::to_owned);
        (key, Reading { samples, ..Reading::default() })
    };
    [gate("failures"), gate("first_token")].into()
}

/// One proxy that has counted 10 more with each scrape, every 15 seconds.
fn store() -> Store {
    let mut store = Store::new(1);
    for scrape in 0..10 {
        let at = 1_764_579_600_000 + scrape * 15_000;
        store.add(0, at, at, says(scrape * 10));
    }
    store
}

fn asked(query: &str) -> (u16, Value) {
    let path = format!("/api/v1/query_range?{query}");
    let (status, body, _) = answer(&store(), &path, b"", 1_764_580_000_000);
    (status, serde_json::from_str(&body).unwrap())
}

#[test]
fn a_matrix_has_labels_moments_and_numbers_as_texts() {
    let (status, answer) = asked(
        "query=rollout%3Allm_split_verdict%7Bpool%3D%22gpu%22%2C+signal%3D%22failures%22%7D\
         &start=1764579630&end=1764579690.5&step=30",
    );
    assert_eq!(status, 200);
    let expected = json!({"status": "success", "data": {"resultType": "matrix", "result": [{
        "metric": {
            "__name__": "rollout:llm_split_verdict", "pool": "gpu", "version": "v2", "stable": "v1",
            "start": "1764579600", "signal": "failures",
        },
        "values": [[1_764_579_630, "20"], [1_764_579_660, "40"], [1_764_579_690, "60"]],
    }]}});
    assert_eq!(answer, expected);
    let both = asked("query=rollout:llm_split_verdict&start=1764579630&end=1764579630&step=30s");
    assert_eq!(both.1["data"]["result"].as_array().map(Vec::len), Some(2));
    let other =
        "query=rollout:llm_split_verdict{pool=\"cpu\"}&start=1764579630&end=1764579630&step=1";
    assert_eq!(asked(other).1["data"]["result"], json!([]));
}

#[test]
fn moments_without_a_sample_have_no_point() {
    let (_, answer) = asked(
        "query=rollout:llm_split_verdict{signal=\"failures\"}&start=2025-12-01T08:59:00Z&end=1764579660&step=60",
    );
    let values = &answer["data"]["result"][0]["values"];
    assert_eq!(*values, json!([[1_764_579_600, "0"], [1_764_579_660, "40"]]));
}

#[test]
fn a_form_in_the_body_is_a_question_too() {
    let form = b"query=rollout:llm_split_verdict&start=1764579660&end=1764579660&step=30";
    let (status, _, asked) = answer(&store(), "/api/v1/query_range", form, 1_764_580_000_000);
    let points = vec![(1_764_579_660_000, vec![40.0, 40.0])];
    assert_eq!((status, asked), (200, Some(Asked { points })));
    assert_eq!(answer(&store(), "/metrics", b"", 0).0, 404);
}

#[test]
fn what_prometheus_refuses_is_refused_in_its_words() {
    let refused = |query: &str, status: u16, kind: &str, words: &str| {
        let (found, answer) = asked(query);
        let error = answer["error"].as_str().unwrap();
        assert_eq!((found, answer["errorType"].as_str()), (status, Some(kind)), "{error}");
        assert!(error.contains(words), "{error}");
    };
    let of = |times: &str| format!("query=rollout:llm_split_verdict&{times}");
    let most = of("start=1764579600&end=1764590600&step=1");
    assert_eq!(asked(&most).0, 200);
    refused(
        &of("start=1764579600&end=1764590601&step=1"),
        400,
        "bad_data",
        "exceeded maximum resolution of 11,000 points",
    );
    refused(&of("start=2&end=1&step=1"), 400, "bad_data", "must not be before start time");
    refused(&of("start=1&end=2&step=0"), 400, "bad_data", "zero or negative query resolution");
    refused(&of("start=now&end=2&step=1"), 400, "bad_data", "invalid parameter \"start\"");
    refused(&of("start=1&end=2&step=often"), 400, "bad_data", "invalid parameter \"step\"");
    refused("query=up&start=1&end=2&step=1", 422, "execution", "and not `up`");
}
